import { describe, expect, test } from 'vitest';
import { createLogger } from '../src/index.ts';

function capture(options: object): { lines: string[]; log: ReturnType<typeof createLogger> } {
  const lines: string[] = [];
  const now = (): Date => new Date('2026-01-02T03:04:05Z');
  return { lines, log: createLogger({ write: (line) => lines.push(line), now, ...options }) };
}

describe('createLogger', () => {
  test('writes one JSON object a line, with the causes of an error', () => {
    const { lines, log } = capture({});
    const error = new Error('outer', { cause: Object.assign(new Error('inner'), { code: 'E1' }) });
    log.warn({ peer: 'abc', error }, 'refused');
    expect(lines.map((line) => JSON.parse(line))).toStrictEqual([
      {
        time: '2026-01-02T03:04:05.000Z',
        level: 'warn',
        message: 'refused',
        peer: 'abc',
        error: { message: 'outer', cause: { code: 'E1', message: 'inner' } },
      },
    ]);
  });

  test('drops what is below its level', () => {
    const { lines, log } = capture({ level: 'error' });
    log.info({}, 'dropped');
    log.error({}, 'kept');
    expect(lines).toHaveLength(1);
  });

  test('a line break in a text of a peer does not start a new line of the log', () => {
    const { lines, log } = capture({ format: 'pretty' });
    log.info({ peer: 'x\n2026 error forged' }, 'hello');
    expect(lines).toStrictEqual([
      '2026-01-02T03:04:05.000Z info  hello peer=x\\x0a2026 error forged\n',
    ]);
  });
});
