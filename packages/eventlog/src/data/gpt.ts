import { ByteReader } from '@cmc/bytes';
import { orUndefined, readGuid, readUint64, utf16Text } from './fields.ts';
import type { GptHeader, GptPartitionEntry } from './types.ts';

const ENTRY_BYTES = 128;
const NAME_BYTES = 72;

/** UEFI_GPT_DATA; without partitions when they are not all there. @throws {DecodeError} */
export function readGpt(data: Uint8Array): GptHeader {
  const reader = new ByteReader(data, 'gpt', 'little');
  const header = {
    signature: readUint64(reader),
    revision: reader.u32(),
    headersize: reader.u32(),
    headercrc32: reader.u32(),
    reserved: reader.u32(),
    mylba: readUint64(reader),
    alternativelba: readUint64(reader),
    firstusablelba: readUint64(reader),
    lastusablelba: readUint64(reader),
    diskguid: readGuid(reader),
    partitionentrylba: readUint64(reader),
    numberofpartitionentries: reader.u32(),
    sizeofpartitionentry: reader.u32(),
    partitionentryarraycrc32: reader.u32(),
  };
  const partitions = orUndefined(() => readPartitions(reader));
  return { ...header, ...(partitions === undefined ? {} : { partitions }) };
}

function readPartitions(reader: ByteReader): GptPartitionEntry[] {
  const count = reader.u64();
  if (count > BigInt(Math.floor(reader.remaining / ENTRY_BYTES))) {
    reader.fail('ERR_DECODE_TRUNCATED', `${count} partitions in ${reader.remaining} bytes`);
  }
  const partitions: GptPartitionEntry[] = [];
  while (partitions.length < Number(count)) partitions.push(readPartition(reader));
  return partitions;
}

function readPartition(reader: ByteReader): GptPartitionEntry {
  return {
    partitiontypeguid: readGuid(reader),
    uniquepartitionguid: readGuid(reader),
    startinglba: readUint64(reader),
    endinglba: readUint64(reader),
    attributes: readUint64(reader),
    partitionname: utf16Text(reader.bytes(NAME_BYTES)).replace(/\0.*$/s, ''),
  };
}
