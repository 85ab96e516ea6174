import { CmcdError } from '../errors.ts';

const ENTITIES: Readonly<Record<string, string>> = Object.freeze({
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  '#34': '"',
  '#39': "'",
});

/**
 * Names in a directory listing: the texts of the links in its first `<pre>` element, without the
 * slash that some servers put behind names of directories.
 *
 * @throws {CmcdError} ERR_METADATA_FORMAT no such element, or a name that leaves the directory
 */
export function parseListing(html: string): readonly string[] {
  const start = html.indexOf('<pre>');
  const end = html.indexOf('</pre>', start);
  if (start < 0 || end < 0) {
    throw new CmcdError('ERR_METADATA_FORMAT', 'directory listing: expected a <pre> element');
  }
  // Each part is what stands behind one `<`: a tag and the text up to the next tag. Splitting stays
  // linear in the length, which a regular expression over all of it would not.
  return html
    .slice(start, end)
    .split('<')
    .filter((part) => /^a\s/.test(part))
    .map((part) => part.slice(part.indexOf('>') + 1))
    .map((text) => checkedName(unescaped(text).replace(/\/$/, '')));
}

function unescaped(text: string): string {
  return text.replace(/&(#?\w+);/g, (whole, name: string) => ENTITIES[name] ?? whole);
}

function checkedName(name: string): string {
  if (name === '' || name === '.' || name === '..' || /[/\\\p{Cc}]/u.test(name)) {
    throw new CmcdError(
      'ERR_METADATA_FORMAT',
      `directory listing: ${JSON.stringify(name.slice(0, 80))} is not the name of a file`,
    );
  }
  return name;
}
