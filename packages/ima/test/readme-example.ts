import { toHex } from '@cmc/bytes';
import { type ImaEntry, ImaReplay, type ImaState } from '@cmc/ima';

export function readList(chunks: Iterable<Uint8Array>, resume?: ImaState): ImaState {
  const replay = new ImaReplay({
    bank: 'SHA-256',
    onEntry: ({ path, digest }: ImaEntry) => console.log(`${toHex(digest.value)} ${path}`),
    ...(resume === undefined ? {} : { resume }),
  });
  for (const chunk of chunks) replay.push(chunk);
  return replay.finish();
}
