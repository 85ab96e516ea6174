import { PAGE_BYTES } from './launch-digest.ts';

/** Virtual machine monitors, which start processors in slightly different states. */
export const MONITORS = ['qemu', 'ec2', 'gce'] as const;
export type Monitor = (typeof MONITORS)[number];

/** Where the first processor starts: the reset vector. */
export const BOOT_ADDRESS = 0xfffffff0;

export interface VmsaOptions {
  /** Where the processor starts. */
  readonly address: number;
  /** SEV_FEATURES: bit 0 is SEV-SNP. */
  readonly features: bigint;
  /** CPUID signature of the virtual processor: family, model, stepping. */
  readonly signature: number;
  readonly monitor: Monitor;
}

interface Initial {
  readonly code: number;
  readonly stack: number;
  readonly task: number;
  readonly rdx: number;
  readonly pat: bigint;
  readonly mxcsr: number;
  readonly fcw: number;
}

/** Segments in a save area (AMD 24593, appendix B, table B-4). */
const SEGMENT = { es: 0x00, cs: 0x10, ss: 0x20, ds: 0x30, fs: 0x40, gs: 0x50 } as const;
const SYSTEM_SEGMENT = { gdtr: 0x60, ldtr: 0x70, idtr: 0x80, tr: 0x90 } as const;
const PAT_DEFAULT = 0x0007_0406_0007_0406n;
const DATA = 0x93;
const LOCAL_TABLE = 0x82;
const LIMIT = 0xffff;

/** The page with the state in which a virtual processor starts. */
export function vmsaPage(options: VmsaOptions): Uint8Array {
  const { address, features } = options;
  const initial = initialState(options);
  const page = new Uint8Array(PAGE_BYTES);
  const view = new DataView(page.buffer);
  const segment = (at: number, attributes: number, selector = 0, base = 0): void => {
    view.setUint16(at, selector, true);
    view.setUint16(at + 2, attributes, true);
    view.setUint32(at + 4, LIMIT, true);
    view.setBigUint64(at + 8, BigInt(base), true);
  };
  for (const name of ['es', 'ds', 'fs', 'gs'] as const) segment(SEGMENT[name], DATA);
  segment(SEGMENT.cs, initial.code, 0xf000, (address & 0xffff0000) >>> 0);
  segment(SEGMENT.ss, initial.stack);
  segment(SYSTEM_SEGMENT.gdtr, 0);
  segment(SYSTEM_SEGMENT.idtr, 0);
  segment(SYSTEM_SEGMENT.ldtr, LOCAL_TABLE);
  segment(SYSTEM_SEGMENT.tr, initial.task);
  view.setBigUint64(0x0d0, 0x1000n, true); // EFER: SVME
  view.setBigUint64(0x148, 0x40n, true); // CR4: MCE
  view.setBigUint64(0x158, 0x10n, true); // CR0: ET
  view.setBigUint64(0x160, 0x400n, true); // DR7
  view.setBigUint64(0x168, 0xffff0ff0n, true); // DR6
  view.setBigUint64(0x170, 0x2n, true); // RFLAGS
  view.setBigUint64(0x178, BigInt(address & 0xffff), true); // RIP
  view.setBigUint64(0x268, initial.pat, true); // G_PAT
  view.setBigUint64(0x310, BigInt(initial.rdx), true); // RDX
  view.setBigUint64(0x3b0, features, true); // SEV_FEATURES
  view.setBigUint64(0x3e8, 0x1n, true); // XCR0
  view.setUint32(0x408, initial.mxcsr, true);
  view.setUint16(0x410, initial.fcw, true);
  return page;
}

function initialState({ monitor, address, signature }: VmsaOptions): Initial {
  switch (monitor) {
    case 'qemu':
      return {
        ...{ code: 0x9b, stack: 0x93, task: 0x8b, pat: PAT_DEFAULT },
        ...{ rdx: signature, mxcsr: 0x1f80, fcw: 0x37f },
      };
    case 'ec2':
      return {
        ...{ code: address === BOOT_ADDRESS ? 0x9a : 0x9b, stack: 0x92, task: 0x83 },
        ...{ pat: PAT_DEFAULT, rdx: 0x600, mxcsr: 0, fcw: 0 },
      };
    case 'gce':
      return {
        ...{ code: 0x9b, stack: 0x93, task: 0x8b, pat: 0x0007_0106n },
        ...{ rdx: 0x600, mxcsr: 0, fcw: 0 },
      };
  }
}
