import { EXIT, writeFileAtomic } from '@cmc/host';
import { explainResult } from '../explain/explanation.ts';
import { isAccepted, readResult } from '../explain/read-result.ts';
import { explanationLines } from '../explain/text.ts';
import { print } from '../output.ts';
import type { CmcctlSettings } from '../settings.ts';

/** `cmcctl explain`: why a report is refused, and what to do. Exits like `verify`. */
export async function explain(
  settings: CmcctlSettings,
  [file = '']: readonly string[],
): Promise<number> {
  const result = await readResult(file, settings);
  if (settings.html !== undefined) {
    const { explanationPage } = await import('../explain/html/page.ts');
    await writeFileAtomic(settings.html, explanationPage(result), { mode: 0o644 });
  }
  const explanation = explainResult(result);
  print(settings, explanation, explanationLines(explanation));
  return isAccepted(result) ? EXIT.success : EXIT.attestationFailed;
}
