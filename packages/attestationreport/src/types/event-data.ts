import type * as eventlog from '@cmc/eventlog';
import type { X509CertExtracted } from './result.ts';

export type {
  EfiDevicePath,
  EfiLoadOption,
  GptHeader,
  GptPartitionEntry,
  ImageLoadEvent,
  PcClientTaggedEvent,
  UefiConfigurationTable,
  UefiHandoffTablePointer,
  UefiHash,
  UefiPlatformFirmwareBlob,
  Uint64,
} from '@cmc/eventlog';

/**
 * Readable form of the data of a firmware event, as the attester's log parser gave it.
 * For display: nothing here is covered by a digest comparison.
 */
export type EventData = eventlog.EventData<X509CertExtracted>;
export type UefiVariableData = eventlog.UefiVariableData<X509CertExtracted>;
export type SignatureDatabase = eventlog.SignatureDatabase<X509CertExtracted>;
export type UefiCertificate = eventlog.UefiCertificate<X509CertExtracted>;
