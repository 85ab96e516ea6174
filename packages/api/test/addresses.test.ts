import { describe, expect, test } from 'vitest';
import { formatAddress, isLoopback, parseAddress } from '../src/addresses.ts';

describe('parseAddress', () => {
  test.each([
    ['unix:///run/cmcd.sock', { kind: 'unix', path: '/run/cmcd.sock' }],
    ['unix://cmcd.sock', { kind: 'unix', path: 'cmcd.sock' }],
    ['unix:/run/cmcd.sock', { kind: 'unix', path: '/run/cmcd.sock' }],
    ['/run/cmcd.sock', { kind: 'unix', path: '/run/cmcd.sock' }],
    ['cmcd.sock', { kind: 'unix', path: 'cmcd.sock' }],
    ['unix:///run/a:b', { kind: 'unix', path: '/run/a:b' }],
    ['tcp://127.0.0.1:9955', { kind: 'tcp', host: '127.0.0.1', port: 9955 }],
    ['localhost:9955', { kind: 'tcp', host: 'localhost', port: 9955 }],
    ['[::1]:0', { kind: 'tcp', host: '::1', port: 0 }],
  ])('reads %s', (text, address) => {
    expect(parseAddress(text)).toEqual(address);
  });

  test.each([
    '',
    'unix://',
    'unix:',
    'tcp://',
    'tcp://host',
    ':9955',
    'host:',
    'host:65536',
    'host:123456',
    'host:-1',
    'host:0x10',
    'host:1 ',
    '::1:9955',
    '[::1]',
    '[host]:1',
    'http://host:1',
    '/run/a:b',
    'host:1/path',
    'a\0b',
    `/${'x'.repeat(107)}`,
  ])('refuses %j', (text) => {
    expect(() => parseAddress(text)).toThrow(expect.objectContaining({ code: 'ERR_API_ADDRESS' }));
  });

  test('takes what formatAddress writes', () => {
    for (const text of ['unix:///run/cmcd.sock', '127.0.0.1:1', '[::1]:2', 'localhost:3']) {
      expect(formatAddress(parseAddress(text))).toBe(text);
    }
  });
});

describe('isLoopback', () => {
  test.each(['127.0.0.1', '127.255.255.254', '::1', '::ffff:127.0.0.1'])('%s is', (ip) => {
    expect(isLoopback(ip)).toBe(true);
  });

  test.each(['0.0.0.0', '::', '128.0.0.1', '10.0.0.1', '::2', '::ffff:10.0.0.1', 'localhost', ''])(
    '%j is not',
    (ip) => {
      expect(isLoopback(ip)).toBe(false);
    },
  );
});
