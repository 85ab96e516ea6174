export type { HashName } from './algorithms.ts';
export { imaAsciiToBinary } from './ascii.ts';
export { type BootAggregate, bootAggregates } from './boot-aggregate.ts';
export type { FileDigest, ImaEntry } from './entry.ts';
export { type EntryDigestOptions, imaEntryDigest } from './entry-digest.ts';
export { type ParseImaOptions, parseImaList, replayImaList } from './list.ts';
export { type PcrReplay, replayPcr } from './pcr.ts';
export { ImaReplay, type ImaReplayOptions, type ImaState } from './replay.ts';
export {
  createImaKeyring,
  type ImaKeyring,
  type ImaSignatureResult,
  verifyImaSignature,
} from './signature.ts';
export { decodeSignedEntry, encodeSignedEntry, type SignedImaEntry } from './signed-entry.ts';
