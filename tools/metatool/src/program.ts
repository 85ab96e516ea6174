import { packageVersion } from '@cmc/host';
import { Command } from 'commander';
import { addConvert } from './convert.ts';
import { addCreateComponent } from './create-component.ts';
import { addCreateImageDescription } from './create-image-description.ts';
import { addCreateManifest } from './create-manifest.ts';
import { addCreateManifestDescription } from './create-manifest-description.ts';
import { addShow } from './show.ts';
import { addSign } from './sign.ts';
import { addVerify } from './verify.ts';

const EXAMPLES = `
Examples:
  metatool create component --rootfs ./rootfs --spec config.json --name app --out app.component.json
  metatool create manifest --name app --version now --not-after 2027-01-01T00:00:00Z \\
      --base-layers app --cert-level 1 --components app.component.json --out app.manifest.json
  metatool sign --in app.manifest.json --out app.manifest.jws --keys signer.key --x5cs signer.pem,ca.pem
  metatool verify --in app.manifest.jws --roots ca.pem

Exit codes: 0 success, 1 a signature or validity does not hold, 2 wrong call or input.
`;

/** The command line of metatool. */
export function createProgram(): Command {
  const program = new Command('metatool')
    .enablePositionalOptions()
    .description('Creates, signs, converts and verifies metadata: manifests and descriptions.')
    .version(packageVersion(import.meta.url))
    .addHelpText('after', EXAMPLES);
  const create = program.command('create').description('make an unsigned metadata item');
  addCreateManifest(create);
  addCreateManifestDescription(create);
  addCreateImageDescription(create);
  addCreateComponent(create);
  addSign(program);
  addConvert(program);
  addVerify(program);
  addShow(program);
  return program;
}
