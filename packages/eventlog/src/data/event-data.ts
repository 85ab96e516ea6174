import { ByteReader, decodeUtf8, toHex } from '@cmc/bytes';
import type { LogEvent } from '../event-log.ts';
import { EventType } from '../event-types.ts';
import { readDevicePath } from './device-path.ts';
import { hex32, orUndefined, printable, readGuid, readUint64 } from './fields.ts';
import { readGpt } from './gpt.ts';
import type { CertificateReader } from './signature-database.ts';
import type {
  EventData,
  ImageLoadEvent,
  PcClientTaggedEvent,
  UefiConfigurationTable,
  UefiHandoffTablePointer,
  UefiPlatformFirmwareBlob,
} from './types.ts';
import { readVariableData } from './variable.ts';

const TABLE_BYTES = 24;

export interface EventDataOptions<C> {
  /** Reads the certificates of signature databases. Without it they are left out. */
  readonly readCertificate?: CertificateReader<C>;
}

/**
 * Readable form of an event's data; for display, as firmware and the prover wrote it. Data that is
 * malformed, or of a type that is not looked into, is given as `rawdata` alone. Never throws for it.
 */
export function parseEventData<C = never>(
  event: Pick<LogEvent, 'type' | 'data'>,
  options: EventDataOptions<C> = {},
): EventData<C> {
  const parsed = orUndefined(() => readByType(event.type, event.data, options.readCertificate));
  return { ...parsed, rawdata: event.data };
}

function readByType<C>(
  type: number,
  data: Uint8Array,
  readCertificate: CertificateReader<C> | undefined,
): EventData<C> {
  switch (type) {
    case EventType.EFI_VARIABLE_DRIVER_CONFIG:
    case EventType.EFI_VARIABLE_BOOT:
    case EventType.EFI_VARIABLE_AUTHORITY: {
      const uefivariabledata = readVariableData(data, readCertificate);
      return uefivariabledata === undefined ? {} : { uefivariabledata };
    }
    case EventType.EFI_GPT_EVENT:
      return { gptheader: readGpt(data) };
    case EventType.EFI_BOOT_SERVICES_APPLICATION:
    case EventType.EFI_BOOT_SERVICES_DRIVER:
    case EventType.EFI_RUNTIME_SERVICES_DRIVER:
      return { imageloadevent: readImageLoad(data) };
    case EventType.EVENT_TAG:
      return { pcclienttaggedevent: readTagged(data) };
    case EventType.EFI_PLATFORM_FIRMWARE_BLOB:
      return { uefiplatformfirmwareblob: readBlob(data) };
    case EventType.EFI_HANDOFF_TABLES:
      return { uefihandofftablepointer: readHandoffTables(data) };
    case EventType.IPL:
    case EventType.EFI_ACTION:
    case EventType.POST_CODE:
    case EventType.S_CRTM_VERSION:
    case EventType.OMIT_BOOT_DEVICE_EVENTS:
      return { stringcontent: printable(data) };
    default:
      return {};
  }
}

/** UEFI_IMAGE_LOAD_EVENT. */
function readImageLoad(data: Uint8Array): ImageLoadEvent {
  const reader = new ByteReader(data, 'imageLoadEvent', 'little');
  const event = {
    imagelocationinmemory: readUint64(reader),
    imagelengthinmemory: readUint64(reader),
    imagelinktimeaddress: readUint64(reader),
  };
  reader.u64();
  const nodes = readDevicePath(reader);
  return { ...event, ...(nodes.length === 0 ? {} : { uefidevicepath: nodes }) };
}

/** TCG_PCClientTaggedEvent. */
function readTagged(data: Uint8Array): PcClientTaggedEvent {
  const reader = new ByteReader(data, 'taggedEvent', 'little');
  const id = reader.u32();
  const content = reader.bytes(reader.u32());
  const text = orUndefined(() => decodeUtf8(content));
  return { taggedeventid: hex32(id), taggedeventdata: text ?? toHex(content) };
}

/** UEFI_PLATFORM_FIRMWARE_BLOB. */
function readBlob(data: Uint8Array): UefiPlatformFirmwareBlob {
  const reader = new ByteReader(data, 'firmwareBlob', 'little');
  return { blobbase: reader.bytes(8).reverse(), bloblength: reader.bytes(8).reverse() };
}

/** UEFI_HANDOFF_TABLE_POINTERS. */
function readHandoffTables(data: Uint8Array): UefiHandoffTablePointer {
  const reader = new ByteReader(data, 'handoffTables', 'little');
  const count = reader.u64();
  if (count > BigInt(Math.floor(reader.remaining / TABLE_BYTES))) {
    reader.fail('ERR_DECODE_TRUNCATED', `${count} tables in ${reader.remaining} bytes`);
  }
  const tables: UefiConfigurationTable[] = [];
  while (tables.length < Number(count)) {
    tables.push({ guid: readGuid(reader), tableaddress: readUint64(reader) });
  }
  return { ueficonfigurationtable: tables };
}
