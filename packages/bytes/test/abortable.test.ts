import { getEventListeners } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { abortable } from '../src/index.ts';

function work() {
  let resolve: (value: number) => void = () => {};
  let reject: (reason: Error) => void = () => {};
  const promise = new Promise<number>((fulfil, refuse) => {
    [resolve, reject] = [fulfil, refuse];
  });
  return { promise, resolve, reject };
}

/** Rejections that nobody handles until the test ends. */
function unhandled(): readonly unknown[] {
  const reasons: unknown[] = [];
  const note = (reason: unknown): void => void reasons.push(reason);
  process.on('unhandledRejection', note);
  onTestFinished(() => void process.off('unhandledRejection', note));
  return reasons;
}

test.each([undefined, new AbortController().signal])(
  'gives what the work gives',
  async (signal) => {
    await expect(abortable(Promise.resolve(7), signal)).resolves.toBe(7);
    await expect(abortable(Promise.reject(new Error('broken')), signal)).rejects.toThrow('broken');
    if (signal !== undefined) expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  },
);

test('ends with the reason of the signal, while the work goes on for others', async () => {
  const { promise, resolve } = work();
  const controller = new AbortController();
  const impatient = abortable(promise, controller.signal);
  const patient = abortable(promise, new AbortController().signal);
  controller.abort(new Error('enough'));
  await expect(impatient).rejects.toThrow('enough');
  expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  resolve(7);
  await expect(patient).resolves.toBe(7);
});

test.each(['before', 'after'])(
  'the work that fails when all gave up %s it began harms nobody',
  async (when) => {
    const reasons = unhandled();
    const { promise, reject } = work();
    const controller = new AbortController();
    if (when === 'before') controller.abort(new Error('enough'));
    const waiting = abortable(promise, controller.signal);
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    reject(new Error('broken'));
    await turn();
    await turn();
    expect(reasons).toEqual([]);
  },
);
