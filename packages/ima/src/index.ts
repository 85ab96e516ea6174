export { type HashName, nodeHashName as kernelHashName } from '@cmc/bytes/hash';
export { imaAsciiToBinary } from './ascii.ts';
export { type BootAggregate, bootAggregateEntries, bootAggregates } from './boot-aggregate.ts';
export type { FileDigest, ImaEntry } from './entry.ts';
export { type EntryDigestOptions, imaEntryDigest } from './entry-digest.ts';
export { decodeImaEntry, encodeImaEntry, type ImaEntryContent } from './entry-text.ts';
export { type ParseImaOptions, parseImaList, replayImaList } from './list.ts';
export { type PcrReplay, replayPcr } from './pcr.ts';
export { ImaReplay, type ImaReplayOptions, type ImaState } from './replay.ts';
export {
  createImaKeyring,
  hasFileSignature,
  type ImaKeyring,
  type ImaSignatureResult,
  verifyImaSignature,
} from './signature.ts';
