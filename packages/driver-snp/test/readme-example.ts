import { createSnpDriver, openReportSource, SnpDriverError } from '@cmc/driver-snp';

try {
  const driver = createSnpDriver({ source: await openReportSource() });
  const { collateral, measure } = await driver.prepare();
  const [evidence] = await measure(new Uint8Array(64));
  console.log(evidence?.type, collateral[0]?.certs?.length); // SNP Evidence 3
} catch (error) {
  if (!(error instanceof SnpDriverError)) throw error;
  console.log(error.code); // ERR_SNP_UNAVAILABLE where this is no SEV-SNP guest
}
