import { type DescMessage, fromBinary, type MessageShape } from '@bufbuild/protobuf';
import { DecodeError } from '@cmc/bytes';

/** Message in `bytes`; its byte members are views of them. @throws {DecodeError} */
export function decodeProto<Desc extends DescMessage>(
  desc: Desc,
  bytes: Uint8Array,
): MessageShape<Desc> {
  try {
    return fromBinary(desc, bytes, { readUnknownFields: false });
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause);
    const at = { path: [desc.name], offset: 0 };
    throw new DecodeError('ERR_DECODE_FORMAT', problem, at, { cause });
  }
}
