import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import type { Attribute, AttributeType, Block, NestedBlock } from './schema.ts';

/** What a generated class says differs from what is expected of it; the generator has changed. */
class GeneratedClassError extends Error {
  readonly code = 'GENERATED_CLASS';
  override readonly name = 'GeneratedClassError';
}

/** How the generator names types: `type`, then `storageClassType`. */
const TYPES: Readonly<Record<string, AttributeType>> = {
  'simple string': 'string',
  'simple number': 'number',
  'simple boolean': 'bool',
  'map stringMap': ['map', 'string'],
  'list stringList': ['list', 'string'],
  'set stringList': ['set', 'string'],
};

/** What the getter of a computed attribute calls. */
const GETTERS: Readonly<Record<string, AttributeType>> = {
  getStringAttribute: 'string',
  getNumberAttribute: 'number',
  getBooleanAttribute: 'bool',
  getListAttribute: ['list', 'string'],
};

/** `value`, `isBlock`, `type` and `storageClassType` of one attribute, as written. */
interface Entry {
  readonly name: string;
  readonly value: string;
  readonly isBlock: boolean;
  readonly type: string;
}

/**
 * The schema of a resource from the class that the CDK for Terraform generates for it: names, types and blocks from the
 * JavaScript, what is required from the declarations. Computed attributes that are no plain values are left out.
 *
 * @param folder where `index.js` and `index.d.ts` of the class are
 * @throws GeneratedClassError when the class is not as expected
 */
export function readGeneratedClass(folder: string): Block {
  const code = parse(join(folder, 'index.js'));
  const interfaces = optionalProperties(parse(join(folder, 'index.d.ts')));
  const functions = new Map<string, ts.Node>();
  let method: ts.ClassElement | undefined;
  visit(code, (node) => {
    if (ts.isFunctionDeclaration(node) && node.name !== undefined) functions.set(node.name.text, node);
    if (ts.isMethodDeclaration(node) && node.name.getText() === 'synthesizeHclAttributes') method = node;
  });
  if (method === undefined) throw new GeneratedClassError(`${folder} has no synthesizeHclAttributes`);
  const resource = method.parent as ts.ClassDeclaration;

  const blockOf = (from: ts.Node, interfaceName: string): Block => {
    const optional = interfaces.get(interfaceName);
    if (optional === undefined) throw new GeneratedClassError(`there is no interface ${interfaceName}`);
    const [attributes, blocks]: [Record<string, Attribute>, Record<string, NestedBlock>] = [{}, {}];
    for (const entry of entriesOf(from)) {
      const isOptional = optional.get(propertyOf(entry));
      if (isOptional === undefined) throw new GeneratedClassError(`${interfaceName} has no ${propertyOf(entry)}`);
      if (!entry.isBlock) {
        const use = entry.name === 'id' ? 'optional-computed' : isOptional ? 'optional' : 'required';
        attributes[entry.name] = { type: typeOf(entry), use };
        continue;
      }
      const converter = /(\w+)ToHclTerraform\b/.exec(entry.value)?.[1] ?? '';
      const child = functions.get(`${converter}ToHclTerraform`);
      if (child === undefined) throw new GeneratedClassError(`${entry.name} is made by ${entry.value}`);
      const nesting = entry.type.startsWith('struct') ? 'single' : entry.type.startsWith('set') ? 'set' : 'list';
      blocks[entry.name] = {
        nesting,
        min: isOptional || nesting === 'single' ? 0 : 1,
        max: nesting === 'single' || entry.value.includes('listMapperHcl') ? 0 : 1,
        block: blockOf(child, converter.charAt(0).toUpperCase() + converter.slice(1)),
      };
    }
    return { attributes, blocks };
  };

  const block = blockOf(method, `${resource.name?.text ?? ''}Config`);
  return { attributes: { ...computedOf(resource, block), ...block.attributes }, blocks: block.blocks };
}

function parse(file: string): ts.SourceFile {
  return ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
}

function visit(node: ts.Node, see: (node: ts.Node) => void): void {
  see(node);
  ts.forEachChild(node, (child) => {
    visit(child, see);
  });
}

/** For each interface its properties, and whether they are optional. */
function optionalProperties(source: ts.SourceFile): Map<string, Map<string, boolean>> {
  const interfaces = new Map<string, Map<string, boolean>>();
  visit(source, (node) => {
    if (!ts.isInterfaceDeclaration(node)) return;
    const properties = node.members.filter(ts.isPropertySignature);
    interfaces.set(node.name.text, new Map(properties.map((p) => [p.name.getText(), p.questionToken !== undefined])));
  });
  return interfaces;
}

/** The properties of the object `attrs` in a function. */
function entriesOf(from: ts.Node): Entry[] {
  const entries: Entry[] = [];
  visit(from, (node) => {
    if (!ts.isVariableDeclaration(node) || node.name.getText() !== 'attrs') return;
    if (node.initializer === undefined || !ts.isObjectLiteralExpression(node.initializer)) return;
    for (const property of node.initializer.properties.filter(ts.isPropertyAssignment)) {
      if (!ts.isObjectLiteralExpression(property.initializer)) continue;
      const fields = new Map(
        property.initializer.properties
          .filter(ts.isPropertyAssignment)
          .map((field) => [field.name.getText(), field.initializer.getText().replaceAll('"', '')]),
      );
      entries.push({
        name: property.name.getText(),
        value: fields.get('value') ?? '',
        isBlock: fields.get('isBlock') === 'true',
        type: `${fields.get('type') ?? ''} ${fields.get('storageClassType') ?? ''}`,
      });
    }
  });
  return entries;
}

/** The property that an entry's value is made of: `struct.x`, `this._x` or `this._x.internalValue`. */
function propertyOf({ value }: Entry): string {
  return /\((?:struct\.|this\._)(\w+)(?:\.internalValue)?\)$/.exec(value)?.[1] ?? value;
}

function typeOf({ name, type }: Entry): AttributeType {
  const known = TYPES[type];
  if (known === undefined) throw new GeneratedClassError(`${name} has the type ${type}`);
  return known;
}

/** What the provider fills in and nobody can set. */
function computedOf(resource: ts.ClassDeclaration, { attributes }: Block): Record<string, Attribute> {
  const computed: Record<string, Attribute> = {};
  for (const getter of resource.members.filter(ts.isGetAccessor)) {
    const call = /this\.(get\w+Attribute)\('(\w+)'\)/.exec(getter.getText());
    const [, method = '', name = ''] = call ?? [];
    const type = GETTERS[method];
    if (type !== undefined && !(name in attributes)) computed[name] = { type, use: 'computed' };
  }
  return computed;
}
