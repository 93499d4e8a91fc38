import { http } from '@google-cloud/functions-framework';

/** The floor of request rates: a function that answers every request with the same bytes. */
const body = Buffer.alloc(Number(process.env['BODY_BYTES'] ?? '2'), '{}');

http('constant', (_request, response) => {
  response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': String(body.length) });
  response.end(body);
});
