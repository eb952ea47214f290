// What a Node team would write in a day: fastify with ioredis that limits and drops doubles. Nothing is durable, nothing is
// forwarded; one request, one pipeline of two commands.
'use strict';

const [redisUrl] = process.argv.slice(2);
const redis = new (require('ioredis'))(redisUrl, { enableAutoPipelining: true });
const server = require('fastify')();

const KEPT_SECONDS = 14 * 24 * 3600;
const LIMIT_PER_MINUTE = 1_000_000_000;

const answer = {
  type: 'object',
  required: ['survey', 'brand', 'interaction', 'answers'],
  properties: {
    survey: { type: 'string', maxLength: 64 },
    brand: { type: 'string', maxLength: 64 },
    interaction: { type: 'string', maxLength: 64 },
    answers: { type: 'object' },
  },
};
const receipt = { 201: { type: 'object', properties: { id: { type: 'string' }, outcome: { type: 'string' } } } };

server.post('/v1/responses', { schema: { body: answer, response: receipt } }, async (request, reply) => {
  if (request.headers.authorization !== 'Bearer vg_dev_acme') return reply.code(401).send();
  const { survey, brand, interaction } = request.body;
  const id = `${brand}:${survey}:${interaction}`;
  const minute = `limit:${brand}:${Math.floor(Date.now() / 60_000)}`;
  const [sent, fresh] = await Promise.all([
    redis.incr(minute),
    redis.set(`claim:${id}`, '1', 'EX', KEPT_SECONDS, 'NX'),
  ]);
  if (sent > LIMIT_PER_MINUTE) return reply.code(429).send();
  return reply.code(201).send({ id, outcome: fresh === 'OK' ? 'accepted' : 'duplicate' });
});

server.listen({ host: '127.0.0.1', port: 0 }).then((url) => {
  console.log(JSON.stringify({ message: 'listening', listener: 'http', addr: new URL(url).host }));
});
