import { ByteWriter } from '@cmc/bytes';
import { type HashName, hashId, hashSize } from '../algorithms.ts';
import type { TpmChannel } from './channel.ts';
import { TPM_CC } from './constants.ts';
import { type CommandOptions, permanentEntity } from './entity.ts';
import { readTicket } from './objects.ts';

/** A digest that the TPM made. */
export interface HashedData {
  readonly digest: Uint8Array;
  /** TPMT_TK_HASHCHECK: that the data is no forged attestation. */
  readonly ticket: Uint8Array;
}

const EMPTY = new Uint8Array();
/** What every TPM takes at once: MAX_DIGEST_BUFFER is 1024 or more. */
const CHUNK_BYTES = 1024;

/** Digest of data of any length: starts a sequence, updates it, and completes it, or flushes it. */
export async function hashSequence(
  channel: TpmChannel,
  hash: HashName,
  data: Uint8Array,
  options: CommandOptions & { readonly hierarchy: number },
): Promise<HashedData> {
  const handle = await channel.execute(
    {
      code: TPM_CC.HashSequenceStart,
      parameters: new ByteWriter().sized16(EMPTY).u16(hashId(hash)).finish(),
      encrypts: 'command',
      returnsHandle: true,
      read: (_, sequence) => sequence,
    },
    options,
  );
  // Name of a sequence: empty, it has no public area.
  const sequence = { ...permanentEntity(handle), name: EMPTY };
  try {
    let at = 0;
    for (; data.length - at > CHUNK_BYTES; at += CHUNK_BYTES) {
      await channel.execute(
        {
          code: TPM_CC.SequenceUpdate,
          handles: [sequence],
          auths: [{}],
          parameters: new ByteWriter().sized16(data.subarray(at, at + CHUNK_BYTES)).finish(),
          encrypts: 'command',
          read: () => undefined,
        },
        options,
      );
    }
    const result = await channel.execute(
      {
        code: TPM_CC.SequenceComplete,
        handles: [sequence],
        auths: [{}],
        parameters: new ByteWriter().sized16(data.subarray(at)).u32(options.hierarchy).finish(),
        encrypts: 'both',
        read: (reader) => {
          channel.forget(handle);
          return { digest: reader.sized16(hashSize(hash)), ticket: readTicket(reader) };
        },
      },
      options,
    );
    return result;
  } finally {
    await channel.flush(handle);
  }
}
