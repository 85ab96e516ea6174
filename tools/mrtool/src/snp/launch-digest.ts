import { createHash } from 'node:crypto';

export const PAGE_BYTES = 4096;
const DIGEST_BYTES = 48;
const PAGE_INFO_BYTES = 0x70;
/** The pages of virtual processors have no guest address: the firmware takes this one. */
const VMSA_ADDRESS = 0xffff_ffff_f000n;
const PAGE_TYPE = { normal: 1, vmsa: 2, zero: 3, unmeasured: 4, secrets: 5, cpuid: 6 } as const;
type PageType = keyof typeof PAGE_TYPE;
const NO_CONTENTS = new Uint8Array(DIGEST_BYTES);

/**
 * The launch digest of an SEV-SNP guest, page by page as the firmware takes them (AMD 56860,
 * SNP_LAUNCH_UPDATE, PAGE_INFO).
 */
export class LaunchDigest {
  #digest: Uint8Array = new Uint8Array(DIGEST_BYTES);

  /** The digest of all pages so far, 48 bytes. */
  get value(): Uint8Array {
    return this.#digest.slice();
  }

  /** Whole pages of data from `address` on. */
  normal(address: bigint, data: Uint8Array): void {
    for (const offset of pages(data.length)) {
      const page = data.subarray(offset, offset + PAGE_BYTES);
      this.#update('normal', address + BigInt(offset), sha384(page));
    }
  }

  /** State of one virtual processor. */
  vmsa(page: Uint8Array): void {
    this.#update('vmsa', VMSA_ADDRESS, sha384(page));
  }

  zero(address: bigint, bytes: number): void {
    this.#empty('zero', address, bytes);
  }

  unmeasured(address: bigint, bytes: number): void {
    this.#empty('unmeasured', address, bytes);
  }

  secrets(address: bigint): void {
    this.#update('secrets', address, NO_CONTENTS);
  }

  cpuid(address: bigint): void {
    this.#update('cpuid', address, NO_CONTENTS);
  }

  #empty(type: PageType, address: bigint, bytes: number): void {
    for (const offset of pages(bytes)) this.#update(type, address + BigInt(offset), NO_CONTENTS);
  }

  #update(type: PageType, address: bigint, contents: Uint8Array): void {
    const info = new Uint8Array(PAGE_INFO_BYTES);
    info.set(this.#digest, 0);
    info.set(contents, DIGEST_BYTES);
    const view = new DataView(info.buffer);
    view.setUint16(0x60, PAGE_INFO_BYTES, true);
    view.setUint8(0x62, PAGE_TYPE[type]);
    // 0x63 to 0x67: not initial migration image, no permissions for other levels.
    view.setBigUint64(0x68, address, true);
    this.#digest = sha384(info);
  }
}

function* pages(bytes: number): Generator<number> {
  if (bytes % PAGE_BYTES !== 0) {
    throw new RangeError(`expected whole pages of ${PAGE_BYTES} bytes, got ${bytes} bytes`);
  }
  for (let offset = 0; offset < bytes; offset += PAGE_BYTES) yield offset;
}

function sha384(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha384').update(bytes).digest());
}
