import { compareVersions } from './version.ts';

/** What a version must be, as in `(>= 2.34)`. */
export interface Constraint {
  readonly operator: '<<' | '<=' | '=' | '>=' | '>>';
  readonly version: string;
}

/** One name of a relationship field, with the constraint on its version if there is one. */
export interface Relation {
  readonly name: string;
  readonly constraint?: Constraint;
}

// The old operators < and > mean <= and >=.
const OPERATORS: Readonly<Record<string, Constraint['operator']>> = {
  '<<': '<<',
  '<=': '<=',
  '<': '<=',
  '=': '=',
  '>=': '>=',
  '>': '>=',
  '>>': '>>',
};

const RELATION = /^([^\s(:]+)(?::[\w-]+)?\s*(?:\(\s*(<<|<=|>=|>>|=|<|>)\s*([^\s)]+)\s*\))?$/;

/**
 * The groups of alternatives of a relationship field: all groups are needed, one name of each is enough. Qualifiers of
 * the architecture (`python3:any`) are dropped, since a set has one architecture only.
 *
 * @see Debian Policy, section 7.1
 * @throws Error when the field is not well formed
 */
export function parseRelations(field: string): readonly (readonly Relation[])[] {
  return field
    .split(',')
    .map((group) => group.trim())
    .filter((group) => group !== '')
    .map((group) => group.split('|').map((alternative) => parseRelation(alternative.trim())));
}

function parseRelation(text: string): Relation {
  const [, name, sign, version] = RELATION.exec(text) ?? [];
  if (name === undefined) throw new Error(`not a relationship between packages: ${text}`);
  if (sign === undefined || version === undefined) return { name };
  const operator = OPERATORS[sign];
  if (operator === undefined) throw new Error(`not an operator: ${text}`);
  return { name, constraint: { operator, version } };
}

/** Whether a version is one that the constraint allows. */
export function satisfies(version: string, constraint: Constraint | undefined): boolean {
  if (constraint === undefined) return true;
  const order = compareVersions(version, constraint.version);
  switch (constraint.operator) {
    case '<<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '=':
      return order === 0;
    case '>=':
      return order >= 0;
    case '>>':
      return order > 0;
  }
}
