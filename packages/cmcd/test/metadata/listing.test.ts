import { describe, expect, test } from 'vitest';
import { MAX_LISTING_BYTES } from '../../src/metadata/limits.ts';
import { parseListing } from '../../src/metadata/listing.ts';

describe('parseListing', () => {
  test('gives the texts of the links, not their targets', () => {
    const html = [
      '<!doctype html><meta name="viewport" content="width=device-width">',
      '<pre>',
      '<a href="a%20b.json">a b.json</a>',
      '<a href="sub/">sub/</a>',
      '<a href="x.cbor">x&amp;y&lt;1&gt;&#34;&#39;.cbor</a>',
      '</pre>',
      '<pre><a href="z">z</a></pre>',
    ].join('\n');
    expect(parseListing(html)).toStrictEqual(['a b.json', 'sub', 'x&y<1>"\'.cbor']);
  });

  test('gives nothing for an empty directory', () => {
    expect(parseListing('<pre>\n</pre>\n')).toStrictEqual([]);
  });

  test.each([
    ['lists', '<pre>'],
    ['links', '<a '],
    ['texts', '<a>'],
    ['entities', '&amp'],
  ])('takes linear time for %s that never end', (_, text) => {
    const count = Math.floor(MAX_LISTING_BYTES / text.length);
    const start = performance.now();
    expect(() => parseListing(`<pre>${text.repeat(count)}`)).toThrow();
    try {
      parseListing(`<pre>${text.repeat(count)}</pre>`);
    } catch (error) {
      expect(error).toMatchObject({ code: 'ERR_METADATA_FORMAT' });
    }
    expect(performance.now() - start).toBeLessThan(2000);
  });

  test.each([
    ['no list', '<html><a href="a">a</a></html>'],
    ['a name above the directory', '<pre><a href="a">..</a></pre>'],
    ['a name with a slash', '<pre><a href="a">../../etc/passwd</a></pre>'],
    ['an absolute name', '<pre><a href="a">/etc</a></pre>'],
    ['a name with a backslash', '<pre><a href="a">a\\b</a></pre>'],
    ['a name with a control character', '<pre><a href="a">a\u0000b</a></pre>'],
    ['an empty name', '<pre><a href="a"></a></pre>'],
  ])('refuses %s', (_, html) => {
    expect(() => parseListing(html)).toThrow(
      expect.objectContaining({ code: 'ERR_METADATA_FORMAT' }),
    );
  });
});
