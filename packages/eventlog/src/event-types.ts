/** Types that this package looks into, by the name of the standard without its `EV_`. */
export type EventTypeKey =
  | 'NO_ACTION'
  | 'SEPARATOR'
  | 'EVENT_TAG'
  | 'S_CRTM_VERSION'
  | 'POST_CODE'
  | 'IPL'
  | 'OMIT_BOOT_DEVICE_EVENTS'
  | 'EFI_VARIABLE_DRIVER_CONFIG'
  | 'EFI_VARIABLE_BOOT'
  | 'EFI_BOOT_SERVICES_APPLICATION'
  | 'EFI_BOOT_SERVICES_DRIVER'
  | 'EFI_RUNTIME_SERVICES_DRIVER'
  | 'EFI_GPT_EVENT'
  | 'EFI_ACTION'
  | 'EFI_PLATFORM_FIRMWARE_BLOB'
  | 'EFI_HANDOFF_TABLES'
  | 'EFI_HCRTM_EVENT'
  | 'EFI_VARIABLE_AUTHORITY';

/** Event types that this package looks into (TCG PC Client Platform Firmware Profile, 10.4.1). */
export const EventType: Readonly<Record<EventTypeKey, number>> = Object.freeze({
  NO_ACTION: 0x3,
  SEPARATOR: 0x4,
  EVENT_TAG: 0x6,
  S_CRTM_VERSION: 0x8,
  POST_CODE: 0x1,
  IPL: 0xd,
  OMIT_BOOT_DEVICE_EVENTS: 0x12,
  EFI_VARIABLE_DRIVER_CONFIG: 0x8000_0001,
  EFI_VARIABLE_BOOT: 0x8000_0002,
  EFI_BOOT_SERVICES_APPLICATION: 0x8000_0003,
  EFI_BOOT_SERVICES_DRIVER: 0x8000_0004,
  EFI_RUNTIME_SERVICES_DRIVER: 0x8000_0005,
  EFI_GPT_EVENT: 0x8000_0006,
  EFI_ACTION: 0x8000_0007,
  EFI_PLATFORM_FIRMWARE_BLOB: 0x8000_0008,
  EFI_HANDOFF_TABLES: 0x8000_0009,
  EFI_HCRTM_EVENT: 0x8000_0010,
  EFI_VARIABLE_AUTHORITY: 0x8000_00e0,
});

const UNKNOWN = 'Unknown event type';

const NAMES: ReadonlyMap<number, string> = new Map([
  [0x0, 'EV_PREBOOT_CERT'],
  [0x1, 'EV_POST_CODE'],
  [0x2, 'EV_UNUSED'],
  [0x3, 'EV_NO_ACTION'],
  [0x4, 'EV_SEPARATOR'],
  [0x5, 'EV_ACTION'],
  [0x6, 'EV_EVENT_TAG'],
  [0x7, 'EV_S_CRTM_CONTENTS'],
  [0x8, 'EV_S_CRTM_VERSION'],
  [0x9, 'EV_CPU_MICROCODE'],
  [0xa, 'EV_PLATFORM_CONFIG_FLAGS'],
  [0xb, 'EV_TABLE_OF_DEVICES'],
  [0xc, 'EV_COMPACT_HASH'],
  [0xd, 'EV_IPL'],
  [0xe, 'EV_IPL_PARTITION_DATA'],
  [0xf, 'EV_NONHOST_CODE'],
  [0x10, 'EV_NONHOST_CONFIG'],
  [0x11, 'EV_NONHOST_INFO'],
  [0x12, 'EV_OMIT_BOOT_DEVICE_EVENTS'],
  [0x13, 'EV_POST_CODE2'],
  // The base of the range is no event type; reports print it under this name.
  [0x8000_0000, 'EV_EFI_HCRTM_EVENT'],
  [0x8000_0001, 'EV_EFI_VARIABLE_DRIVER_CONFIG'],
  [0x8000_0002, 'EV_EFI_VARIABLE_BOOT'],
  [0x8000_0003, 'EV_EFI_BOOT_SERVICES_APPLICATION'],
  [0x8000_0004, 'EV_EFI_BOOT_SERVICES_DRIVER'],
  [0x8000_0005, 'EV_EFI_RUNTIME_SERVICES_DRIVER'],
  [0x8000_0006, 'EV_EFI_GPT_EVENT'],
  [0x8000_0007, 'EV_EFI_ACTION'],
  [0x8000_0008, 'EV_EFI_PLATFORM_FIRMWARE_BLOB'],
  [0x8000_0009, 'EV_EFI_HANDOFF_TABLES'],
  [0x8000_000a, 'EV_EFI_PLATFORM_FIRMWARE_BLOB2'],
  [0x8000_000b, 'EV_EFI_HANDOFF_TABLES2'],
  [0x8000_000c, 'EV_EFI_VARIABLE_BOOT2'],
  [0x8000_000d, 'EV_EFI_GPT_EVENT2'],
  [0x8000_0010, 'EV_EFI_HCRTM_EVENT'],
  [0x8000_00e0, 'EV_EFI_VARIABLE_AUTHORITY'],
  [0x8000_00e1, 'EV_EFI_SPDM_FIRMWARE_BLOB'],
  [0x8000_00e2, 'EV_EFI_SPDM_FIRMWARE_CONFIG'],
  [0x8000_00e3, 'EV_EFI_SPDM_DEVICE_POLICY'],
  [0x8000_00e4, 'EV_EFI_SPDM_DEVICE_AUTHORITY'],
]);

/** Name of an event type as reports print it; `Unknown event type` when it has none. */
export function eventTypeName(type: number): string {
  return NAMES.get(type) ?? UNKNOWN;
}

/** Whether the type has a name. Those that have none are kept and extended all the same. */
export function isKnownEventType(type: number): boolean {
  return NAMES.has(type);
}
