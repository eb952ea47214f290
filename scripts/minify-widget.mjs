#!/usr/bin/env node
// Makes src/channel/chat_widget/widget.min.js, which the gateway serves, of widget.js and widget.css, and names it in
// openapi.json by its hash. With --check nothing is written: exit 1 when something is not what its sources make.
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const root = new URL('../', import.meta.url);
const require = createRequire(new URL('target/tools/', root));
const { transformSync } = require('esbuild');
const { minify } = require('terser');

const folder = new URL('src/channel/chat_widget/', root);
const OPENAPI = '../openapi/openapi.json';
const IMPORT = "import css from './widget.css';";

const read = name => readFileSync(new URL(name, folder), 'utf8');

const script = async () => {
  const source = read('widget.js');
  if (!source.includes(IMPORT)) throw new Error(`widget.js has lost its line: ${IMPORT}`);
  const css = transformSync(read('widget.css'), { loader: 'css', minify: true, charset: 'utf8' }).code.trim();
  const whole = source.replace(IMPORT, () => `const css = ${JSON.stringify(css)};`);
  // Without reduce_vars it is a little longer plain, and a little shorter gzipped.
  const compress = { passes: 3, unsafe_arrows: true, keep_fargs: false, reduce_vars: false };
  return (await minify(whole, { ecma: 2022, toplevel: true, compress })).code + '\n';
};

const described = code => {
  const hash = createHash('sha384').update(code).digest('hex').slice(0, 16);
  return read(OPENAPI).replace(/widget-[0-9a-f]{16}\.js/, `widget-${hash}.js`);
};

const code = await script();
for (const [name, made] of [['widget.min.js', code], [OPENAPI, described(code)]]) {
  if (process.argv[2] != '--check') {
    writeFileSync(new URL(name, folder), made);
  } else if (read(name) != made) {
    console.error(`${name} is not made of the present widget.js and widget.css: run \`make widget\``);
    process.exitCode = 1;
  }
}
