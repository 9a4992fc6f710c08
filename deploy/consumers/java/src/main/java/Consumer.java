import com.fasterxml.jackson.databind.*;
import com.fasterxml.jackson.databind.node.ArrayNode;
import java.nio.charset.StandardCharsets;
import java.sql.*;
import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.consumer.*;

/** Reads hookgate's events and works on each once. deploy/consumers/README.md says what a consumer must do, and why. */
public class Consumer {
    static final Map<String, String> ENV = System.getenv();
    static final String PREFIX = ENV.getOrDefault("TOPIC_PREFIX", "video");
    static final List<String> TOPICS = List.of(PREFIX + ".recording", PREFIX + ".participant", PREFIX + ".lifecycle");
    static final List<String> ACCEPTED = Arrays.stream(ENV.getOrDefault("ACCEPT_REPLAY", "").split(","))
            .filter(replay -> !replay.isEmpty()).toList();
    static final String TABLES = """
            CREATE TABLE IF NOT EXISTS seen (id TEXT, replay TEXT, at INTEGER, PRIMARY KEY (id, replay)) WITHOUT ROWID;
            CREATE INDEX IF NOT EXISTS seen_at ON seen (at);
            CREATE TABLE IF NOT EXISTS work
            (id TEXT, replay TEXT, type TEXT, tenant TEXT, time TEXT, room TEXT, person TEXT);
            """;
    static final String MARK = """
            INSERT OR IGNORE INTO seen SELECT value, ?, unixepoch() FROM json_each(?)
            WHERE NOT EXISTS (SELECT 1 FROM seen WHERE id = value AND replay = 'erased')""";
    static final String FORGET = """
            DELETE FROM work WHERE tenant = ? AND (id IN (SELECT value FROM json_each(?)) OR time <= ?
            AND EXISTS (SELECT 1 FROM json_each(?) WHERE value IN (room, person)))""";
    static final ObjectMapper JSON = new ObjectMapper();
    static volatile boolean ends;

    static int run(Connection db, String sql, String... values) throws SQLException {
        try (PreparedStatement statement = db.prepareStatement(sql)) {
            for (int i = 0; i < values.length; i++) statement.setString(i + 1, values[i]);
            return statement.executeUpdate();
        }
    }

    static String handle(Connection db, JsonNode event, String replay) throws SQLException {
        String id = event.path("id").textValue(), own = JSON.createArrayNode().add(id).toString();
        int fresh = run(db, MARK, "", own);
        if (ACCEPTED.contains(replay)) fresh = run(db, MARK, replay, own); // we asked for it: again, but once
        if (fresh == 0) return "skipped";
        JsonNode erasure = event.at("/data/erasure"), person = event.at("/data/participant");
        String tenant = event.path("tenant").textValue(), time = event.path("time").textValue();
        if (erasure.isObject()) {
            String erased = erasure.path("event_ids").toString();
            run(db, MARK, "erased", erased); // they may yet come: on another topic, or in a replay
            ArrayNode names = JSON.createArrayNode().add(erasure.get("ref"));
            erasure.path("other_refs").forEach(names::add);
            run(db, FORGET, tenant, erased, time, names.toString());
            return "erased";
        }
        String ref = person.path("ref").textValue(), previous = person.path("previous_ref").textValue();
        if (previous != null) run(db, "UPDATE work SET person = ? WHERE person = ?", ref, previous); // it has two names
        String type = event.path("type").textValue(), room = event.path("subject").textValue();
        // Your work stands here.
        run(db, "INSERT INTO work VALUES (?, ?, ?, ?, ?, ?, ?)", id, replay, type, tenant, time, room, ref);
        return "handled";
    }

    public static void main(String[] arguments) throws Exception {
        Thread main = Thread.currentThread();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> { // SIGTERM; the exit code is then 143
            ends = true;
            try { main.join(); } catch (InterruptedException stopped) { ends = true; }
        }));
        String bytes = "org.apache.kafka.common.serialization.ByteArrayDeserializer";
        Map<String, Object> settings = Map.of("bootstrap.servers", ENV.get("KAFKA_BROKERS"), "group.id",
                ENV.get("KAFKA_GROUP"), "auto.offset.reset", "earliest", "enable.auto.commit", false,
                "isolation.level", "read_committed", // not this client's default
                "session.timeout.ms", 6_000, "key.deserializer", bytes, "value.deserializer", bytes);
        try (Connection db = DriverManager.getConnection("jdbc:sqlite:" + ENV.get("STATE"));
                KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings)) {
            for (String table : TABLES.split(";\n")) run(db, table);
            db.setAutoCommit(false);
            consumer.subscribe(TOPICS);
            while (!ends) {
                ConsumerRecords<byte[], byte[]> records = consumer.poll(Duration.ofMillis(500));
                if (records.isEmpty()) continue;
                run(db, "DELETE FROM seen WHERE at < unixepoch() - 86400 * ?", ENV.getOrDefault("KEEP_DAYS", "45"));
                List<JsonNode> said = new ArrayList<>();
                for (var record : records) {
                    JsonNode event = JSON.readTree(record.value());
                    var header = record.headers().lastHeader("hookgate-replay-id");
                    String replay = header == null ? null : new String(header.value(), StandardCharsets.UTF_8);
                    String action = handle(db, event, replay == null ? "" : replay);
                    said.add(JSON.createObjectNode().put("id", event.path("id").textValue())
                            .put("type", event.path("type").textValue()).put("replay", replay).put("action", action));
                }
                db.commit(); // the work and what was seen are one transaction
                said.forEach(System.out::println);
                consumer.commitSync(); // only now: who dies before this reads them again
            }
        }
    }
}
