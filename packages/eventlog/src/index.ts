export type { HashName } from '@cmc/bytes/hash';
export { type EventDataOptions, parseEventData } from './data/event-data.ts';
export type { CertificateReader } from './data/signature-database.ts';
export type {
  EfiDevicePath,
  EfiLoadOption,
  EventData,
  GptHeader,
  GptPartitionEntry,
  ImageLoadEvent,
  PcClientTaggedEvent,
  SignatureDatabase,
  UefiCertificate,
  UefiConfigurationTable,
  UefiHandoffTablePointer,
  UefiHash,
  UefiPlatformFirmwareBlob,
  UefiVariableData,
  Uint64,
} from './data/types.ts';
export { parseUefiVariable, type UefiVariable } from './data/variable.ts';
export type {
  EventDigest,
  EventLog,
  EventLogKind,
  LogAlgorithm,
  LogEvent,
  ParseEventLogOptions,
} from './event-log.ts';
export { EventType, eventTypeName } from './event-types.ts';
export { parseEventLog } from './parse.ts';
export { digestOf, initialValue, replay, requireDigest, resetValue } from './replay.ts';
export { digestMatchesData, type SecureBootState, secureBootState } from './secure-boot.ts';
