/** Strings, empty lists and objects, and what a line break or a space goes with. */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|\{\}|\[\]|[{}[\],:]/g;

/**
 * JSON in lines, two spaces per level, of JSON without white space. Numbers and escapes stay as they
 * are, which parsing and writing again would not promise.
 */
export function indentJson(json: string): string {
  let depth = 0;
  const newLine = (): string => `\n${'  '.repeat(depth)}`;
  return json.replace(TOKEN, (token) => {
    switch (token) {
      case '{':
      case '[':
        depth++;
        return token + newLine();
      case '}':
      case ']':
        depth--;
        return newLine() + token;
      case ',':
        return token + newLine();
      case ':':
        return ': ';
      default:
        return token;
    }
  });
}
