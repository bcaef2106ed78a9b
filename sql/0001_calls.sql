-- The audit trail: a row for each call, and what holds the rows together.
-- It runs in one transaction, under an advisory lock.

CREATE SCHEMA IF NOT EXISTS mcp_audit;

CREATE TABLE mcp_audit.migrations (
    version  integer PRIMARY KEY,
    name     text NOT NULL,
    at       timestamptz NOT NULL DEFAULT now()
);


-- One row a call.  "time" is when the request came; it is part of the id
-- (UUID version 7), so that both halves of a call name the same partition.

CREATE TABLE mcp_audit.calls (
    id              uuid NOT NULL,
    time            timestamptz NOT NULL,
    node            text,
    client          text,
    roles           text[],
    address         text,
    session         text,
    method          text,
    name            text,
    native          text,
    backend         text,
    arguments       jsonb,      -- null where it cannot be jsonb
    arguments_raw   bytea,      -- the bytes themselves
    arguments_size  bigint,
    cut             boolean,
    redacted        boolean,
    request_id      text,
    version         text,
    era             text,
    trace_id        text,
    span_id         text,
    began           timestamptz,
    ended           timestamptz,
    outcome         text,
    code            bigint,
    reason          text,
    duration_us     bigint,
    backend_us      bigint,
    bytes_in        bigint,
    bytes_out       bigint,
    swept           boolean,
    chain           text NOT NULL,
    intent_seq      bigint,
    outcome_seq     bigint,
    intent_line     bytea,      -- as they were written, for the chain
    outcome_line    bytea,
    PRIMARY KEY (id, time)
) PARTITION BY RANGE (time);

CREATE INDEX calls_time ON mcp_audit.calls (time);
CREATE INDEX calls_client ON mcp_audit.calls (client, time);
CREATE INDEX calls_name ON mcp_audit.calls (name, time);
CREATE INDEX calls_outcome ON mcp_audit.calls (outcome, time)
    WHERE outcome IS DISTINCT FROM 'ok';
CREATE INDEX calls_request ON mcp_audit.calls (request_id, time);
CREATE INDEX calls_trace ON mcp_audit.calls (trace_id)
    WHERE trace_id IS NOT NULL;


-- How far the chain of lines of each process goes.

CREATE TABLE mcp_audit.chains (
    node   text NOT NULL,
    chain  text NOT NULL,
    seq    bigint NOT NULL,
    hash   text NOT NULL,
    ended  boolean NOT NULL,
    at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (node, chain)
);


-- The partition of a month, unless it is there.

CREATE FUNCTION mcp_audit.make_partition(month timestamp) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    part text := 'calls_' || to_char(month, 'YYYY_MM');
BEGIN
    IF to_regclass('mcp_audit.' || part) IS NOT NULL THEN
        RETURN;
    END IF;

    EXECUTE format('CREATE TABLE IF NOT EXISTS mcp_audit.%I PARTITION OF '
                   'mcp_audit.calls FOR VALUES FROM (%L) TO (%L)', part,
                   to_char(month, 'YYYY-MM-DD') || ' 00:00:00+00',
                   to_char(month + interval '1 month', 'YYYY-MM-DD')
                   || ' 00:00:00+00');
END $$;


-- Partitions of this month and the next two; what is older than so many
-- seconds goes (0: nothing does).

CREATE FUNCTION mcp_audit.maintain(retention bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    month timestamp := date_trunc('month', now() AT TIME ZONE 'UTC');
    part record;
    oldest timestamptz;
BEGIN
    PERFORM mcp_audit.make_partition(month + n * interval '1 month')
    FROM generate_series(0, 2) AS n;

    IF retention = 0 THEN
        RETURN;
    END IF;

    oldest := now() - retention * interval '1 second';

    FOR part IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c
        ON c.oid = i.inhrelid
        WHERE i.inhparent = 'mcp_audit.calls'::regclass
        AND c.relname ~ '^calls_\d{4,}_\d\d$'
        AND (to_date(substr(c.relname, 7), 'YYYY_MM') + interval '1 month')
            AT TIME ZONE 'UTC' <= oldest
    LOOP
        EXECUTE format('DROP TABLE mcp_audit.%I', part.relname);
    END LOOP;

    DELETE FROM mcp_audit.calls WHERE (id, time) IN (
        SELECT id, time FROM mcp_audit.calls WHERE time < oldest LIMIT 20000);

    DELETE FROM mcp_audit.chains WHERE at < oldest;
END $$;


-- JSON that jsonb does not take (\u0000, lone surrogates, huge exponents,
-- deep nesting) stays bytes.

CREATE FUNCTION mcp_audit.try_jsonb(raw bytea) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog AS $$
BEGIN
    RETURN convert_from(raw, 'UTF8')::jsonb;
EXCEPTION WHEN OTHERS THEN
    RETURN NULL;
END $$;


-- All that the gateway does.  What is there already is not changed: a half
-- that is missing is filled in, and the same rows may come again.

CREATE FUNCTION mcp_audit.append(
    node text, chain text, last_seq bigint, last_hash text, ended boolean,
    id uuid[], ms bigint[], client text[], roles text[], address text[],
    session text[], method text[], name text[], native text[],
    backend text[], arguments bytea[], arguments_size bigint[],
    flags bigint[], request_id text[], version text[], era text[],
    trace_id text[], span_id text[], began bigint[], finished bigint[],
    outcome text[], code bigint[], reason text[], duration bigint[],
    backend_us bigint[], bytes_in bigint[], bytes_out bigint[],
    intent_seq bigint[], outcome_seq bigint[], intent_line bytea[],
    outcome_line bytea[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
#variable_conflict use_column
BEGIN
    PERFORM mcp_audit.make_partition(m.month) FROM (
        SELECT DISTINCT date_trunc('month',
            to_timestamp(t / 1000.0) AT TIME ZONE 'UTC') AS month
        FROM unnest(append.ms) AS t) AS m;

    INSERT INTO mcp_audit.calls AS c (
        id, time, node, client, roles, address, session, method, name,
        native, backend, arguments, arguments_raw, arguments_size, cut,
        redacted, request_id, version, era, trace_id, span_id, began, ended,
        outcome, code, reason, duration_us, backend_us, bytes_in, bytes_out,
        swept, chain, intent_seq, outcome_seq, intent_line, outcome_line)
    SELECT b.id, to_timestamp(b.ms / 1000.0), append.node, b.client,
        string_to_array(b.roles, E'\x1f'), b.address, b.session, b.method,
        b.name, b.native, b.backend, mcp_audit.try_jsonb(b.arguments),
        b.arguments, b.arguments_size, b.flags & 1 <> 0, b.flags & 2 <> 0,
        b.request_id, b.version, b.era, b.trace_id, b.span_id,
        to_timestamp(b.began / 1000000.0), to_timestamp(b.finished / 1000000.0),
        b.outcome, b.code, b.reason, b.duration, b.backend_us, b.bytes_in,
        b.bytes_out, b.flags & 4 <> 0, append.chain, b.intent_seq,
        b.outcome_seq, b.intent_line, b.outcome_line
    FROM unnest(append.id, append.ms, append.client, append.roles,
        append.address, append.session, append.method, append.name,
        append.native, append.backend, append.arguments,
        append.arguments_size, append.flags, append.request_id,
        append.version, append.era, append.trace_id, append.span_id,
        append.began, append.finished, append.outcome, append.code,
        append.reason, append.duration, append.backend_us, append.bytes_in,
        append.bytes_out, append.intent_seq, append.outcome_seq,
        append.intent_line, append.outcome_line)
    AS b(id, ms, client, roles, address, session, method, name, native,
        backend, arguments, arguments_size, flags, request_id, version, era,
        trace_id, span_id, began, finished, outcome, code, reason, duration,
        backend_us, bytes_in, bytes_out, intent_seq, outcome_seq,
        intent_line, outcome_line)
    ON CONFLICT (id, time) DO UPDATE SET
        client = coalesce(c.client, EXCLUDED.client),
        roles = coalesce(c.roles, EXCLUDED.roles),
        address = coalesce(c.address, EXCLUDED.address),
        session = coalesce(c.session, EXCLUDED.session),
        method = coalesce(c.method, EXCLUDED.method),
        name = coalesce(c.name, EXCLUDED.name),
        native = coalesce(c.native, EXCLUDED.native),
        backend = coalesce(c.backend, EXCLUDED.backend),
        arguments = coalesce(c.arguments, EXCLUDED.arguments),
        arguments_raw = coalesce(c.arguments_raw, EXCLUDED.arguments_raw),
        arguments_size = coalesce(c.arguments_size, EXCLUDED.arguments_size),
        cut = c.cut OR EXCLUDED.cut,
        redacted = c.redacted OR EXCLUDED.redacted,
        request_id = coalesce(c.request_id, EXCLUDED.request_id),
        version = coalesce(c.version, EXCLUDED.version),
        era = coalesce(c.era, EXCLUDED.era),
        trace_id = coalesce(c.trace_id, EXCLUDED.trace_id),
        span_id = coalesce(c.span_id, EXCLUDED.span_id),
        began = coalesce(c.began, EXCLUDED.began),
        ended = coalesce(c.ended, EXCLUDED.ended),
        outcome = coalesce(c.outcome, EXCLUDED.outcome),
        code = coalesce(c.code, EXCLUDED.code),
        reason = coalesce(c.reason, EXCLUDED.reason),
        duration_us = coalesce(c.duration_us, EXCLUDED.duration_us),
        backend_us = coalesce(c.backend_us, EXCLUDED.backend_us),
        bytes_in = coalesce(c.bytes_in, EXCLUDED.bytes_in),
        bytes_out = coalesce(c.bytes_out, EXCLUDED.bytes_out),
        swept = c.swept OR EXCLUDED.swept,
        intent_seq = coalesce(c.intent_seq, EXCLUDED.intent_seq),
        outcome_seq = coalesce(c.outcome_seq, EXCLUDED.outcome_seq),
        intent_line = coalesce(c.intent_line, EXCLUDED.intent_line),
        outcome_line = coalesce(c.outcome_line, EXCLUDED.outcome_line)
    WHERE (c.intent_line IS NULL AND EXCLUDED.intent_line IS NOT NULL)
       OR (c.outcome_line IS NULL AND EXCLUDED.outcome_line IS NOT NULL
           AND c.outcome IS NULL);

    INSERT INTO mcp_audit.chains AS h (node, chain, seq, hash, ended)
    VALUES (append.node, append.chain, append.last_seq, append.last_hash,
            append.ended)
    ON CONFLICT (node, chain) DO UPDATE SET
        seq = EXCLUDED.seq, hash = EXCLUDED.hash, at = now(),
        ended = h.ended OR EXCLUDED.ended
    WHERE EXCLUDED.seq >= h.seq
      AND (EXCLUDED.seq > h.seq OR EXCLUDED.ended > h.ended);
END $$;


-- Two roles: one that may only add, one that may only read.  Where this one
-- may not create roles, an administrator grants the same.

REVOKE ALL ON FUNCTION mcp_audit.append, mcp_audit.maintain,
    mcp_audit.make_partition FROM PUBLIC;

DO $$
BEGIN
    IF to_regrole('mcp_audit_writer') IS NULL THEN
        CREATE ROLE mcp_audit_writer NOLOGIN;
    END IF;

    IF to_regrole('mcp_audit_reader') IS NULL THEN
        CREATE ROLE mcp_audit_reader NOLOGIN;
    END IF;
EXCEPTION WHEN insufficient_privilege OR duplicate_object
       OR unique_violation THEN
    RAISE NOTICE 'the roles mcp_audit_writer and mcp_audit_reader are left '
                 'to an administrator';
END $$;

DO $$
BEGIN
    IF to_regrole('mcp_audit_writer') IS NOT NULL THEN
        GRANT USAGE ON SCHEMA mcp_audit TO mcp_audit_writer;
        GRANT SELECT ON mcp_audit.migrations TO mcp_audit_writer;
        GRANT EXECUTE ON FUNCTION mcp_audit.append, mcp_audit.maintain
            TO mcp_audit_writer;
    END IF;

    IF to_regrole('mcp_audit_reader') IS NOT NULL THEN
        GRANT USAGE ON SCHEMA mcp_audit TO mcp_audit_reader;
        GRANT SELECT ON mcp_audit.calls, mcp_audit.chains,
            mcp_audit.migrations TO mcp_audit_reader;
    END IF;
END $$;
