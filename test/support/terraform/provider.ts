// A provider that knows a schema and nothing else: it stands in for Google's where Terraform's registry cannot be
// reached. It is started by Terraform, to whom it speaks plugin protocol 5, and finds what is misspelt, missing or of the
// wrong type. It creates nothing: tests replace it by a mock.
import { fileURLToPath } from 'node:url';
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

/** A service's constructor from a file beside this one. */
function serviceIn(file: string, packageName: string, name: string): ServiceClientConstructor {
  const definition = loadSync(fileURLToPath(new URL(file, import.meta.url)), { keepCase: true });
  const loaded = loadPackageDefinition(definition)[packageName] as Record<string, ServiceClientConstructor>;
  const service = loaded[name];
  if (service === undefined) throw new Error(`${file} has no service ${name}`);
  return service;
}

type Answer<T> = (call: { readonly request: T }, callback: (error: null, response: object) => void) => void;
const nothing: Answer<unknown> = (_call, callback) => {
  callback(null, {});
};

const schema = readSchema();
const server = new Server();
server.addService(serviceIn('tfplugin5.proto', 'tfplugin5', 'Provider').service, {
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
// Without it Terraform waits two seconds before it ends a plugin.
server.addService(serviceIn('plugin-controller.proto', 'plugin', 'GRPCController').service, {
  Shutdown: ((_call, callback) => {
    callback(null, {});
    server.tryShutdown(() => process.exit(0));
  }) satisfies Answer<unknown>,
});

server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  // The handshake of hashicorp/go-plugin: its version, the protocol's version, and where.
  process.stdout.write(`1|5|tcp|127.0.0.1:${port}|grpc\n`);
});
