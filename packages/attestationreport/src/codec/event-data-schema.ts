import type {
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
} from '../types/event-data.ts';
import { hex, list, nullable, text, uint8, uint16, uint32, uint64 } from './kinds.ts';
import { field, optional, type StructSchema, struct } from './struct.ts';
import { x509CertExtractedSchema } from './x509-schema.ts';

const uefiCertificateSchema = struct<UefiCertificate>('UefiCertificate', {
  signatureownerguid: field(0, text),
  certificates: field(1, x509CertExtractedSchema),
});

const uefiHashSchema = struct<UefiHash>('UefiHash', {
  signatureownerguid: field(0, text),
  hash: optional(1, hex),
});

const signatureDatabaseSchema = struct<SignatureDatabase>('SignatureDatabase', {
  efisignaturelistguid: optional(0, text),
  signatureheader: optional(1, hex),
  ueficertificates: optional(2, list(uefiCertificateSchema)),
  sha256hashes: optional(3, list(uefiHashSchema)),
});

const efiDevicePathSchema = struct<EfiDevicePath>('EfiDevicePath', {
  type: field(0, text),
  subtype: optional(1, text),
  function: optional(2, uint8),
  device: optional(3, uint8),
  functionnumber: optional(4, uint8),
  memorytype: optional(5, uint32),
  startaddress: optional(6, uint64),
  endaddress: optional(7, uint64),
  vendorguid: optional(8, text),
  vendordefineddata: optional(9, hex),
  hid: optional(10, hex),
  uid: optional(11, hex),
  partitionnumber: optional(12, uint32),
  partitionstart: optional(13, uint64),
  partitionsize: optional(14, uint64),
  partitionsignature: optional(15, hex),
  partitionformat: optional(16, uint8),
  signaturetype: optional(17, uint8),
  bootentry: optional(18, uint32),
  pathname: optional(19, text),
  protocolguid: optional(20, text),
  firmwareFileName: optional(21, text),
  startingaddress: optional(22, uint64),
  endingaddress: optional(23, uint64),
  disktypeguid: optional(24, text),
  diskinstance: optional(25, uint16),
  devicetype: optional(26, uint16),
  statusflag: optional(27, uint16),
  descriptionstring: optional(28, text),
});

const efiLoadOptionSchema = struct<EfiLoadOption>('EfiLoadOption', {
  attributes: field(0, uint32),
  description: field(1, text),
  filepathlist: field(2, nullable(list(efiDevicePathSchema))),
  optionaldata: optional(3, text),
});

const uefiVariableDataSchema = struct<UefiVariableData>('UefiVariableData', {
  variablenameguid: optional(0, text),
  unicodename: optional(1, text),
  signaturedb: optional(2, list(signatureDatabaseSchema)),
  bootorder: optional(3, list(uint16)),
  bootnext: optional(4, uint16),
  bootcurrent: optional(5, uint16),
  bootoptionsupport: optional(6, uint32),
  efiloadoption: optional(7, efiLoadOptionSchema),
  driverorder: optional(8, list(uint16)),
  stringcontent: optional(9, text),
  variabledata: optional(10, hex),
  guidarray: optional(11, list(text)),
});

// The six members share one CBOR key in the reference format, and its codec drops all of them.
const gptPartitionEntrySchema = struct<GptPartitionEntry>('GptPartitionEntry', {
  partitiontypeguid: optional(undefined, text),
  uniquepartitionguid: optional(undefined, text),
  startinglba: optional(undefined, uint64),
  endinglba: optional(undefined, uint64),
  attributes: optional(undefined, uint64),
  partitionname: optional(undefined, text),
});

const gptHeaderSchema = struct<GptHeader>('GptHeader', {
  signature: optional(0, uint64),
  revision: optional(1, uint32),
  headersize: optional(2, uint32),
  headercrc32: optional(3, uint32),
  reserved: optional(4, uint32),
  mylba: optional(5, uint64),
  alternativelba: optional(6, uint64),
  firstusablelba: optional(7, uint64),
  lastusablelba: optional(8, uint64),
  diskguid: optional(9, text),
  partitionentrylba: optional(10, uint64),
  numberofpartitionentries: optional(11, uint32),
  sizeofpartitionentry: optional(12, uint32),
  // Both have key 13 in the reference format, and its codec drops both.
  partitionentryarraycrc32: optional(undefined, uint32),
  partitions: optional(undefined, list(gptPartitionEntrySchema)),
});

// Both members have key 0 in the reference format, and its codec drops both.
const pcClientTaggedEventSchema = struct<PcClientTaggedEvent>('PcClientTaggedEvent', {
  taggedeventid: field(undefined, text),
  taggedeventdata: field(undefined, text),
});

const imageLoadEventSchema = struct<ImageLoadEvent>('ImageLoadEvent', {
  imagelocationinmemory: field(0, uint64),
  imagelengthinmemory: field(1, uint64),
  imagelinktimeaddress: field(2, uint64),
  uefidevicepath: optional(3, list(efiDevicePathSchema)),
});

const uefiConfigurationTableSchema = struct<UefiConfigurationTable>('UefiConfigurationTable', {
  guid: field(0, text),
  tableaddress: field(1, uint64),
});

const uefiHandoffTablePointerSchema = struct<UefiHandoffTablePointer>('UefiHandoffTablePointer', {
  ueficonfigurationtable: field(0, nullable(list(uefiConfigurationTableSchema))),
});

const uefiPlatformFirmwareBlobSchema = struct<UefiPlatformFirmwareBlob>(
  'UefiPlatformFirmwareBlob',
  {
    blobbase: field(0, hex),
    bloblength: field(1, hex),
  },
);

/** Parsed data of a firmware event. */
export const eventDataSchema: StructSchema<EventData> = struct<EventData>('EventData', {
  uefivariabledata: optional(0, uefiVariableDataSchema),
  gptheader: optional(1, gptHeaderSchema),
  pcclienttaggedevent: optional(2, pcClientTaggedEventSchema),
  imageloadevent: optional(3, imageLoadEventSchema),
  uefihandofftablepointer: optional(4, uefiHandoffTablePointerSchema),
  uefiplatformfirmwareblob: optional(5, uefiPlatformFirmwareBlobSchema),
  stringcontent: optional(6, text),
  rawdata: optional(7, hex),
});
