//! How SQLite means to answer: by an index, whatever is asked.

use super::*;

/// How SQLite would run it.
fn plan(connection: &Connection, sql: &str) -> String {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let count = statement.parameter_count();
    for parameter in 1..=count {
        statement.raw_bind_parameter(parameter, 1).unwrap();
    }
    let mut steps = Vec::new();
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next().unwrap() {
        steps.push(row.get::<_, String>(3).unwrap());
    }
    steps.join("; ")
}

#[test]
fn no_statement_reads_a_whole_table_or_sorts() {
    let dir = temporary();
    drop(searched(dir.path(), 1..=8));
    let connection = inspect(dir.path());
    for sql in [runs::ALL, runs::CLASS, runs::MARK, runs::TERM, runs::CLASSES, query::ROW] {
        let plan = plan(&connection, sql);
        assert!(plan.contains("SEARCH") && !plan.contains("SCAN row"), "{sql}: {plan}");
        assert!(!plan.contains("SCAN") || plan.contains("SCAN CONSTANT"), "{sql}: {plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{sql}: {plan}");
    }
}
