import { readFileSync } from 'node:fs';

/** The type of an attribute as Terraform writes it in JSON. */
export type AttributeType = 'string' | 'number' | 'bool' | readonly ['list' | 'set' | 'map', 'string'];

export interface Attribute {
  readonly type: AttributeType;
  readonly use: 'required' | 'optional' | 'computed' | 'optional-computed';
}

export interface NestedBlock {
  readonly nesting: 'single' | 'list' | 'set';
  readonly min: number;
  /** 0 when there is no limit. */
  readonly max: number;
  readonly block: Block;
}

/** What may stand between the braces of a resource, a data source or a block in one. */
export interface Block {
  readonly attributes: Readonly<Record<string, Attribute>>;
  readonly blocks: Readonly<Record<string, NestedBlock>>;
}

/** The part of a provider's schema that `infra/` uses. */
export interface ProviderSchema {
  /** The provider's version. */
  readonly version: string;
  readonly provider: Block;
  readonly resources: Readonly<Record<string, Block>>;
  readonly dataSources: Readonly<Record<string, Block>>;
}

/** Where `npm run terraform:schema` writes. */
export const schemaFile = new URL('./google-schema.json', import.meta.url);

/** The schema of Google's provider, as it was extracted. */
export function readSchema(): ProviderSchema {
  return JSON.parse(readFileSync(schemaFile, 'utf8')) as ProviderSchema;
}
