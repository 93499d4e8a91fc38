import { type DestinationStream, type Logger, pino } from 'pino';
import { printable } from './printable.ts';

export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;

/** Cloud Logging's names for pino's levels (LogEntry, "LogSeverity"). */
const SEVERITIES: Record<string, string> = {
  trace: 'DEBUG',
  debug: 'DEBUG',
  info: 'INFO',
  warn: 'WARNING',
  error: 'ERROR',
  fatal: 'CRITICAL',
};

/** The program's log: one line an event, as JSON in Cloud Logging's shape or as text for a person. */
export function createLog(format: 'json' | 'text'): Log {
  const options = {
    messageKey: 'message',
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    base: null,
    formatters: { level: (label: string) => ({ severity: SEVERITIES[label] ?? 'DEFAULT' }) },
  };
  return format === 'json' ? pino(options) : pino(options, textStream(process.stdout));
}

function textStream(output: NodeJS.WritableStream): DestinationStream {
  return {
    write(line) {
      const { severity, time, message, ...fields } = JSON.parse(line) as Record<string, unknown>;
      const rest = Object.entries(fields)
        .map(([name, value]) => ` ${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
        .join('');
      const mark = severity === 'INFO' ? '' : ` ${String(severity).toLowerCase()}:`;
      output.write(`${printable(`${String(time).slice(11, 19)}${mark} ${String(message)}${rest}`)}\n`);
    },
  };
}
