import type { Component } from '@cmc/attestationreport';
import { toHex } from '@cmc/bytes';
import { UsageError } from '@cmc/host';
import type { Command } from 'commander';
import { Option } from 'commander';
import { componentsText } from './component-list.ts';
import { readInput, writeOutput } from './files.ts';
import type { DirectBoot } from './snp/kernel-hashes.ts';
import { precomputeSnp } from './snp/precompute.ts';
import { cpuSignature, PROCESSOR_TYPES, processorSignature } from './snp/processors.ts';
import { MONITORS, type Monitor } from './snp/vmsa.ts';

interface Flags {
  readonly ovmf: string;
  readonly vcpus: string;
  readonly vcpuType?: string;
  readonly vcpuSig?: string;
  readonly vcpuFamily?: string;
  readonly vcpuModel?: string;
  readonly vcpuStepping?: string;
  readonly kernel?: string;
  readonly initrd?: string;
  readonly append?: string;
  readonly guestFeatures: string;
  readonly vmm: Monitor;
  readonly name: string;
  readonly format: 'component' | 'hex';
  readonly out?: string;
}

const EXAMPLES = `
Examples:
  mrtool precompute snp --ovmf OVMF.amdsev.fd --vcpus 4 --vcpu-type EPYC-v4 \\
      --kernel vmlinuz --initrd initrd.img --append "console=ttyS0 root=/dev/vda"
  mrtool precompute snp --ovmf OVMF_CODE.fd --vcpus 1 --vcpu-sig 0xa00f11 --format hex
`;

/** Adds `precompute snp`. */
export function addPrecomputeSnp(precompute: Command): void {
  precompute
    .command('snp')
    .description('launch measurement of an AMD SEV-SNP guest, from what it is launched with')
    .requiredOption('--ovmf <file>', 'firmware: the OVMF code image')
    .requiredOption('--vcpus <n>', 'number of virtual processors')
    .addOption(new Option('--vcpu-type <type>', 'processor type of QEMU').choices(PROCESSOR_TYPES))
    .option('--vcpu-sig <number>', 'CPUID signature of the virtual processors')
    .option('--vcpu-family <n>', 'family, with --vcpu-model and --vcpu-stepping')
    .option('--vcpu-model <n>', 'model')
    .option('--vcpu-stepping <n>', 'stepping')
    .option('--kernel <file>', 'kernel that is booted directly')
    .option('--initrd <file>', 'its initial ram disk')
    .option('--append <text>', 'its command line')
    .option('--guest-features <number>', 'SEV_FEATURES of the guest', '0x1')
    .addOption(
      new Option('--vmm <name>', 'virtual machine monitor').choices(MONITORS).default('qemu'),
    )
    .option('--name <name>', 'name of the component', 'SNP launch measurement')
    .addOption(
      new Option('--format <format>', 'reference component, or the bare measurement')
        .choices(['component', 'hex'])
        .default('component'),
    )
    .option('--out <file>', 'where to write; default standard output')
    .addHelpText('after', EXAMPLES)
    .action(run);
}

async function run(flags: Flags): Promise<void> {
  const boot = await readBoot(flags);
  const measurement = precomputeSnp({
    firmware: await readInput(flags.ovmf),
    processors: integer('--vcpus', flags.vcpus),
    signature: signatureOf(flags),
    features: BigInt(integer('--guest-features', flags.guestFeatures)),
    monitor: flags.vmm,
    ...(boot === undefined ? {} : { boot }),
  });
  const hex = toHex(measurement);
  const text = flags.format === 'hex' ? `${hex}\n` : componentText(flags.name, measurement);
  await writeOutput(flags.out, text);
}

/** A list with one reference component, as `metatool create manifest --components` takes it. */
function componentText(name: string, measurement: Uint8Array): string {
  const component: Component = {
    type: 'firmware',
    name,
    hashes: [{ alg: 'SHA-384', content: measurement }],
    properties: [{ name: 'cmc.ta', value: 'SNP' }],
  };
  return componentsText([component]);
}

async function readBoot(flags: Flags): Promise<DirectBoot | undefined> {
  const { kernel, initrd, append } = flags;
  if (kernel === undefined) {
    if (initrd === undefined && append === undefined) return undefined;
    throw new UsageError('--initrd and --append are of a kernel: --kernel is missing');
  }
  return {
    kernel: await readInput(kernel),
    ...(initrd === undefined ? {} : { initrd: await readInput(initrd) }),
    ...(append === undefined ? {} : { cmdline: append }),
  };
}

function signatureOf(flags: Flags): number {
  const { vcpuType, vcpuSig, vcpuFamily, vcpuModel, vcpuStepping } = flags;
  const numbers = [vcpuFamily, vcpuModel, vcpuStepping];
  const ways = [vcpuType, vcpuSig, numbers.find((each) => each !== undefined)];
  if (ways.filter((way) => way !== undefined).length !== 1) {
    throw new UsageError(
      'expected one of --vcpu-type, --vcpu-sig, or --vcpu-family with --vcpu-model and --vcpu-stepping',
    );
  }
  if (vcpuType !== undefined) {
    const signature = processorSignature(vcpuType);
    if (signature === undefined) throw new UsageError(`--vcpu-type: not known: ${vcpuType}`);
    return signature;
  }
  if (vcpuSig !== undefined) return integer('--vcpu-sig', vcpuSig);
  const [family, model, stepping] = (['family', 'model', 'stepping'] as const).map((part, i) => {
    const text = numbers[i];
    if (text === undefined) throw new UsageError(`--vcpu-${part} is missing`);
    return integer(`--vcpu-${part}`, text);
  });
  return cpuSignature(family ?? 0, model ?? 0, stepping ?? 0);
}

function integer(flag: string, text: string): number {
  const value = /^(?:0x[0-9a-f]+|\d+)$/i.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value)) return value;
  throw new UsageError(`${flag}: expected a number, got "${text}"`);
}
