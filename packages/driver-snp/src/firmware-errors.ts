/** Status codes of the secure processor (AMD 56860, table of status codes) that guests meet. */
const FIRMWARE: ReadonlyMap<number, string> = new Map([
  [0x01, 'INVALID_PLATFORM_STATE: the platform is in a state in which it gives no reports'],
  [0x02, 'INVALID_GUEST_STATE: the guest is in a state in which it gets no reports'],
  [0x07, 'BAD_SIGNATURE: a signature was wrong'],
  [0x0f, 'INVALID_ADDRESS: an address was wrong'],
  [0x13, 'INVALID_GUEST: there is no such guest'],
  [0x14, 'INVALID_COMMAND: the firmware does not know the command'],
  [0x15, 'ACTIVE: the guest is running'],
  [0x16, 'INVALID_PARAM: a parameter is wrong; often a privilege level that is not allowed'],
  [0x17, 'RESOURCE_LIMIT: the firmware has no room'],
  [0x18, 'SECURE_DATA_INVALID: a part of the platform failed its integrity check'],
  [0x1a, 'INVALID_PAGE_SIZE: a page has the wrong size'],
  [0x27, 'INVALID_KEY: the key that was asked for cannot sign'],
  [0xff, 'no answer from the firmware'],
]);

/** Errors of the host (linux/sev-guest.h). */
const VMM: ReadonlyMap<number, string> = new Map([
  [1, 'there was no room for the certificates'],
  [2, 'the host is busy'],
]);

export function firmwareErrorText(code: number): string {
  return `firmware error 0x${code.toString(16)}, ${FIRMWARE.get(code) ?? 'not known'}`;
}

export function vmmErrorText(code: number): string {
  return `error ${code} of the host, ${VMM.get(code) ?? 'not known'}`;
}
