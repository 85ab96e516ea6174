import { expect } from 'vitest';
import { explain } from '../../src/explain.ts';
import type { Metadata, SnpPolicy } from '../../src/types/metadata.ts';
import type { MeasurementResult } from '../../src/types/result.ts';
import type { Verification, VerifyOptions } from '../../src/verify/index.ts';
import { createScene, type Scene } from './scene.ts';
import {
  createFakeAmd,
  createFakeChip,
  type FakeAmd,
  type FakeChip,
  type FakeChipOptions,
  type FakeSnpOptions,
  fakeSnp,
  snpMetadata,
} from './snp.ts';

export interface SnpCase extends FakeSnpOptions {
  readonly amd?: FakeAmd;
  readonly chip?: FakeChipOptions;
  readonly chain?: (chip: FakeChip) => readonly Uint8Array[];
  readonly policy?: Partial<SnpPolicy>;
  readonly manifest?: Partial<Metadata>;
  readonly verify?: Partial<VerifyOptions>;
}

/** Reports of SEV-SNP guests on chips of AMD's that are made here, and their verdicts. */
export interface SnpScene {
  readonly scene: Scene;
  readonly milan: FakeAmd;
  readonly genoa: FakeAmd;
  readonly turin: FakeAmd;
  readonly run: (options?: SnpCase) => Promise<Verification>;
  /** Runs a case that must be refused; the explanation must name the reason. */
  readonly refused: (options: SnpCase, reason: RegExp) => Promise<MeasurementResult>;
}

export async function createSnpScene(): Promise<SnpScene> {
  const scene = await createScene();
  const milan = await createFakeAmd('Milan');
  const genoa = await createFakeAmd('Genoa');
  const turin = await createFakeAmd('Turin');
  const run = async (options: SnpCase = {}): Promise<Verification> => {
    const amd = options.amd ?? milan;
    const made = await createFakeChip(amd, options.chip);
    const chip = { key: made.key, chain: options.chain?.(made) ?? made.chain };
    const report = await scene.report({
      measurers: [fakeSnp(amd.product, chip, options)],
      metadata: snpMetadata(amd, options.policy, options.manifest),
    });
    return scene.verify(report, { snpRoots: [amd.root], ...options.verify });
  };
  return {
    scene,
    milan,
    genoa,
    turin,
    run,
    refused: async (options, reason) => {
      const verification = await run(options);
      expect(verification.ok).toBe(false);
      expect(explain(verification.result).join('\n')).toMatch(reason);
      return snpResultOf(verification);
    },
  };
}

export function snpResultOf({ result }: Verification): MeasurementResult {
  const [measurement] = result.measurements ?? [];
  if (measurement === undefined) throw new Error('no measurement');
  return measurement;
}
