'use strict';
/*
 * Loaded before drachtio-srf's own test suite, which then runs as it ships. What the suite starts in containers is
 * started here as local processes: drachtio-server is the engine under test (already running), SIPp is the machine's,
 * and the addresses of the container network 172.29.0.0/16 are those of 127.29.0.0/16.
 */
const childProcess = require('node:child_process');
const { readFileSync } = require('node:fs');
const Module = require('node:module');
const path = require('node:path');

const { suite, scenarios, sut, hosts, sipp, mocha } = JSON.parse(process.env.SRF_SUITE);
const local = (text) => text.replaceAll('172.29.', '127.29.');

const load = Module._extensions['.js'];
Module._extensions['.js'] = (module, file) => {
  if (!file.startsWith(suite + path.sep)) return load(module, file);
  return module._compile(local(readFileSync(file, 'utf8')), file);
};

const { exec, spawn } = childProcess;

childProcess.exec = (command, callback) => {
  if (command.includes('npm" run unittests'))
    return exec(`"${process.execPath}" "${mocha}" --no-config "${suite}/unit-tests/"`, callback);
  // docker-compose up and down: the fixture's servers run already, and end with the run.
  if (command.startsWith('docker-compose')) return setImmediate(() => callback(null, '', ''));
  throw new Error(`the suite runs a command that has no local stand-in: ${command}`);
};

const running = new Set();
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));
process.on('SIGTERM', () => process.exit(1));

let callers = 0;

/** `docker run … drachtio/sipp sipp <arguments>` as a process with an address of its own. */
childProcess.spawn = (command, args, options) => {
  if (command !== 'docker') return spawn(command, args, options);
  const own = args.slice(args.indexOf('sipp') + 1).map((arg) => {
    if (arg.startsWith('/tmp/scenarios/')) return path.join(scenarios, arg.slice('/tmp/scenarios/'.length));
    return arg === 'drachtio-sut' ? `${sut}:5060` : arg;
  });
  // One with a name is called by it, at the usual port; any other calls, from wherever there is room.
  const name = args.includes('--name') ? args[args.indexOf('--name') + 1] : undefined;
  if (name !== undefined && hosts[name] === undefined) throw new Error(`no local address for ${name}`);
  callers += 1;
  const place = name === undefined ? ['-i', `127.29.1.${callers}`] : ['-i', hosts[name], '-p', '5060'];
  const child = spawn(sipp, [...own, ...place], { ...options, cwd: scenarios });
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
};
