import { type AttestationResult, explain, verify } from '@cmc/attestationreport';
import { createPolicyEngine } from '@cmc/attestationreport/policy';
import { describeError, EXIT, exitCodeOf, readSettingFile } from '@cmc/host';
import { withDaemon, withDeadline } from '../daemon.ts';
import { createProgress } from '../progress.ts';
import type { CmcctlSettings } from '../settings.ts';
import { readDemands, refuseWithDaemon } from './demands.ts';
import type { Verdict } from './verdict.ts';

/** One report to verify. */
export interface VerifyInput {
  readonly file: string;
  readonly report: Uint8Array;
  readonly nonce: Uint8Array;
}

type VerifyOne = (
  input: VerifyInput,
  policies: Uint8Array | undefined,
) => Promise<AttestationResult>;

/** The verdicts on all inputs, in their order. @throws what makes every one of them impossible */
export async function verifyAll(
  inputs: readonly VerifyInput[],
  settings: CmcctlSettings,
  at: Date | undefined,
): Promise<readonly Verdict[]> {
  const policies = await Promise.all(
    (settings.policies ?? []).map(async (path) => await readSettingFile(path, 'policies')),
  );
  if (settings.standalone === true) {
    const demands = await readDemands(settings);
    await using policyEngine = createPolicyEngine();
    return await withDeadline(settings, (signal) =>
      judgeAll(inputs, policies, async ({ report, nonce }, policy) => {
        const { result } = await verify(report, {
          nonce,
          ...demands,
          policyEngine,
          signal,
          ...(at === undefined ? {} : { now: at }),
          ...(policy === undefined ? {} : { policies: policy }),
        });
        return result;
      }),
    );
  }
  refuseWithDaemon(settings, at);
  return await withDaemon(settings, (cmc, signal) =>
    judgeAll(inputs, policies, async ({ report, nonce }, policy) => {
      const request = { report, nonce, ...(policy === undefined ? {} : { policies: policy }) };
      return (await cmc.verify(request, { signal })).result;
    }),
  );
}

async function judgeAll(
  inputs: readonly VerifyInput[],
  policies: readonly Uint8Array[],
  verifyOne: VerifyOne,
): Promise<readonly Verdict[]> {
  const verdicts: Verdict[] = [];
  const progress = createProgress();
  for (const input of inputs) {
    progress.show(`Verifying ${input.file}, ${verdicts.length + 1} of ${inputs.length}`);
    try {
      verdicts.push(toVerdict(input, await judge(input, policies, verifyOne)));
    } catch (error) {
      // The first report tells whether the daemon is there at all.
      if (verdicts.length === 0 || exitCodeOf(error) !== EXIT.unavailable) throw error;
      verdicts.push({
        file: input.file,
        status: 'unavailable',
        reasons: [`No verdict: ${describeError(error)}.`],
      });
    } finally {
      progress.end();
    }
  }
  return verdicts;
}

/** The result under the first policy that does not accept, or else under the last. */
async function judge(
  input: VerifyInput,
  policies: readonly Uint8Array[],
  verifyOne: VerifyOne,
): Promise<AttestationResult> {
  const [first, ...others] = policies;
  let result = await verifyOne(input, first);
  for (const policy of others) {
    if (!accepted(result)) break;
    result = await verifyOne(input, policy);
  }
  return result;
}

function accepted({ summary }: AttestationResult): boolean {
  return summary.status === 'success' || summary.status === 'warn';
}

function toVerdict({ file }: VerifyInput, result: AttestationResult): Verdict {
  const status = result.summary.status === 'warn' ? 'warn' : 'success';
  return { file, status: accepted(result) ? status : 'fail', reasons: explain(result), result };
}
