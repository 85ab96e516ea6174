/** What `load` makes of the items of `source`, in order; up to `count` are loaded in advance. */
export async function* readAhead<T, U>(
  source: AsyncIterable<T>,
  count: number,
  load: (item: T) => Promise<U>,
): AsyncGenerator<U> {
  const pending: Promise<U>[] = [];
  try {
    for await (const item of source) {
      const loading = load(item);
      // Whoever awaits it later gets the error; until then it is not unhandled.
      loading.catch(() => undefined);
      pending.push(loading);
      if (pending.length > count) yield (await pending.shift()) as U;
    }
    while (pending.length > 0) yield (await pending.shift()) as U;
  } finally {
    await Promise.allSettled(pending);
  }
}
