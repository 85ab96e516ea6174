import { EXIT, UsageError } from '@cmc/host';
import { issueToken, openStore } from '@cmc/provserver';
import { print } from '../output.ts';
import type { CmcctlSettings } from '../settings.ts';

/** `cmcctl token`: the only time that the secret is seen. */
export async function token(settings: CmcctlSettings): Promise<number> {
  const { store: url, names, note, valid = '48h' } = settings;
  if (url === undefined) throw new UsageError('token needs store');
  await using store = await openStore(url);
  const issued = await issueToken(store, {
    valid,
    now: new Date(),
    ...(names === undefined ? {} : { names }),
    ...(note === undefined ? {} : { note }),
  });
  print(settings, issued, [issued.token]);
  return EXIT.success;
}
