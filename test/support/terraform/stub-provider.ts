import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { loadPackageDefinition, Server, ServerCredentials, type ServiceClientConstructor } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { readSchema, type Attribute, type Block, type NestedBlock } from './schema.ts';

const NESTING = { single: 'SINGLE', list: 'LIST', set: 'SET' } as const;

function attributeMessage([name, { type, use }]: [string, Attribute]) {
  return {
    name,
    type: Buffer.from(JSON.stringify(type)),
    required: use === 'required',
    optional: use === 'optional' || use === 'optional-computed',
    computed: use === 'computed' || use === 'optional-computed',
  };
}

function nestedMessage([name, { nesting, min, max, block }]: [string, NestedBlock]): object {
  return {
    type_name: name,
    nesting: NESTING[nesting],
    min_items: min,
    max_items: max,
    block: blockMessage(block),
  };
}

function blockMessage({ attributes, blocks }: Block) {
  return {
    attributes: Object.entries(attributes).map(attributeMessage),
    block_types: Object.entries(blocks).map(nestedMessage),
  };
}

function schemaMessages(blocks: Readonly<Record<string, Block>>) {
  return Object.fromEntries(Object.entries(blocks).map(([name, block]) => [name, { block: blockMessage(block) }]));
}

type Answer<T> = (call: { readonly request: T }, callback: (error: null, response: object) => void) => void;
const nothing: Answer<unknown> = (_call, callback) => {
  callback(null, {});
};

/** A provider that Terraform is told to use instead of one that it would start itself. */
export interface StubProvider extends Disposable {
  /** What Terraform needs in its environment. */
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * Starts a provider that knows the schema of Google's and nothing else, in this process. It stands in for Google's where
 * Terraform's registry cannot be reached: Terraform, to whom it speaks plugin protocol 5, finds with it what is misspelt,
 * missing or of the wrong type. It creates nothing; tests mock it.
 */
export async function startStubProvider(): Promise<StubProvider> {
  const schema = readSchema();
  const server = new Server();
  server.addService(providerService(), {
    GetSchema: ((_call, callback) => {
      callback(null, {
        provider: { block: blockMessage(schema.provider) },
        resource_schemas: schemaMessages(schema.resources),
        data_source_schemas: schemaMessages(schema.dataSources),
      });
    }) satisfies Answer<unknown>,
    PrepareProviderConfig: ((call, callback) => {
      callback(null, { prepared_config: call.request.config });
    }) satisfies Answer<{ config: object }>,
    ValidateResourceTypeConfig: nothing,
    ValidateDataSourceConfig: nothing,
    Configure: nothing,
    Stop: nothing,
  });
  const port = await promisify(server.bindAsync.bind(server))('127.0.0.1:0', ServerCredentials.createInsecure());
  return {
    environment: attachTo(port),
    [Symbol.dispose]: () => {
      server.forceShutdown();
    },
  };
}

/** Terraform's own way for providers under a debugger: it neither starts nor ends them, which would take most of the time. */
function attachTo(port: number): Record<string, string> {
  const provider = {
    Protocol: 'grpc',
    ProtocolVersion: 5,
    Pid: process.pid,
    Test: true,
    Addr: { Network: 'tcp', String: `127.0.0.1:${port}` },
  };
  return { TF_REATTACH_PROVIDERS: JSON.stringify({ 'registry.terraform.io/hashicorp/google': provider }) };
}

function providerService(): ServiceClientConstructor['service'] {
  const definition = loadSync(fileURLToPath(new URL('./tfplugin5.proto', import.meta.url)), { keepCase: true });
  const { Provider } = loadPackageDefinition(definition)['tfplugin5'] as Record<string, ServiceClientConstructor>;
  if (Provider === undefined) throw new Error('the protocol has no service Provider');
  return Provider.service;
}
