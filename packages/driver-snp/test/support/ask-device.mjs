// Asks /dev/sev-guest for a report over what the first argument says, and prints what came of it.
import { createSevGuestSource } from '../../dist/sev-guest.js';

try {
  const source = createSevGuestSource();
  const reportData = Buffer.alloc(64, process.argv[2]);
  const { report, certificates } = await source.report(reportData, Number(process.argv[3]));
  const hex = (bytes) => Buffer.from(bytes).toString('hex');
  console.log(JSON.stringify({ report: hex(report), certificates: hex(certificates) }));
} catch ({ code, message, firmwareError }) {
  console.log(JSON.stringify({ code, message, firmwareError }));
}
