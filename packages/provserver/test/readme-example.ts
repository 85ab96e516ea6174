import { auditProblem, createToken, openStore } from '@cmc/provserver';

const now = new Date();
await using store = await openStore('sqlite:prov.db'); // or postgres://user@host/name
const token = createToken();
await store.createToken(
  {
    id: token.id,
    secretHash: token.secretHash,
    expiresAt: new Date(now.getTime() + 3_600_000),
    allowedNames: ['node-7.example.org'],
  },
  now,
);
console.log(`give this to the device: ${token.text}`);
const trail = await store.auditTrail({ limit: 100 });
console.log(auditProblem(trail) ?? `${trail.length} entries, none changed or missing`);
// 1 entries, none changed or missing
