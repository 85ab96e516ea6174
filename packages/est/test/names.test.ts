import { toHex } from '@cmc/bytes';
import { describe, expect, test } from 'vitest';
import { ipOctets, ipText, isDnsName, normalName } from '../src/names.ts';

describe('isDnsName', () => {
  test.each(['localhost', 'a.example.org', '*.example.org', 'A-1.b', 'xn--bcher-kva.example'])(
    'takes %s',
    (name) => expect(isDnsName(name)).toBe(true),
  );
  test.each([
    '',
    '.',
    'a..b',
    '-a.b',
    'a-.b',
    'a b',
    'a.b.',
    'a/b',
    'a\0b',
    '*.*.b',
    'a*.b',
    'ü.example',
    '127.0.0.1',
    '::1',
    `${'a'.repeat(64)}.b`,
    `${'a.'.repeat(127)}ab`,
  ])('refuses %j', (name) => expect(isDnsName(name)).toBe(false));
});

describe('IP addresses', () => {
  test.each([
    ['127.0.0.1', '7f000001', '127.0.0.1'],
    ['::1', '00000000000000000000000000000001', '::1'],
    ['2001:DB8:0:0:1::', '20010db8000000000001000000000000', '2001:db8:0:0:1::'],
    ['::', '00000000000000000000000000000000', '::'],
    ['::ffff:1.2.3.4', '00000000000000000000ffff01020304', '::ffff:102:304'],
    ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008', '1:2:3:4:5:6:7:8'],
  ])('%s has the octets %s', (address, hex, normal) => {
    const octets = ipOctets(address) ?? new Uint8Array(0);
    expect(toHex(octets)).toBe(hex);
    expect(ipText(octets)).toBe(normal);
    expect(normalName(address)).toBe(normal);
  });
  test.each(['fe80::1%eth0', '1.2.3', '1.2.3.4.5', '256.1.1.1', 'localhost', ''])(
    '%j is none',
    (address) => expect(ipOctets(address)).toBeUndefined(),
  );
  test('other numbers of octets are none', () => {
    for (const length of [0, 3, 5, 8, 15, 17]) {
      expect(ipText(new Uint8Array(length))).toBeUndefined();
    }
  });
});
