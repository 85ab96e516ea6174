import { TPM_RH } from './constants.ts';
import { type Entity, permanentEntity } from './entity.ts';

/** Hierarchies that objects belong to. */
export type Hierarchy = 'owner' | 'endorsement' | 'platform' | 'null';

const HIERARCHIES: Readonly<Record<Hierarchy, Entity>> = {
  owner: permanentEntity(TPM_RH.OWNER),
  endorsement: permanentEntity(TPM_RH.ENDORSEMENT),
  platform: permanentEntity(TPM_RH.PLATFORM),
  null: permanentEntity(TPM_RH.NULL),
};

/** The entity of a hierarchy, for policies and authorisations. */
export function hierarchyEntity(hierarchy: Hierarchy): Entity {
  return HIERARCHIES[hierarchy];
}
