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
  const list = /<pre>(.*?)<\/pre>/s.exec(html)?.[1];
  if (list === undefined) {
    throw new CmcdError('ERR_METADATA_FORMAT', 'directory listing: expected a <pre> element');
  }
  return [...list.matchAll(/<a\s[^>]*>([^<]*)<\/a>/g)].map(([, text]) =>
    checkedName(unescaped(text ?? '').replace(/\/$/, '')),
  );
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
