import com.github.shyiko.mysql.binlog.BinaryLogFileReader;
import com.github.shyiko.mysql.binlog.event.DeleteRowsEventData;
import com.github.shyiko.mysql.binlog.event.Event;
import com.github.shyiko.mysql.binlog.event.EventData;
import com.github.shyiko.mysql.binlog.event.UpdateRowsEventData;
import com.github.shyiko.mysql.binlog.event.WriteRowsEventData;
import com.github.shyiko.mysql.binlog.event.deserialization.ChecksumType;
import com.github.shyiko.mysql.binlog.event.deserialization.EventDeserializer;
import java.io.BufferedWriter;
import java.io.File;
import java.io.IOException;
import java.io.Serializable;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/** Rows LOG OUT: each row change of a binary log as a line, the values of its images as text. */
public final class Rows {
    private static void values(StringBuilder b, Serializable[] row) {
        for (Serializable v : row) {
            String text = v instanceof byte[] ? new String((byte[]) v, StandardCharsets.UTF_8) : String.valueOf(v);
            b.append('\t');
            for (int i = 0; i < text.length(); i++) {
                char c = text.charAt(i);
                b.append(c < ' ' ? ' ' : c);
            }
        }
    }

    private static void line(BufferedWriter out, StringBuilder b, String op, Serializable[] before, Serializable[] after)
            throws IOException {
        b.setLength(0);
        b.append(op);
        if (before != null) {
            values(b, before);
        }
        if (after != null) {
            values(b, after);
        }
        out.append(b).append('\n');
    }

    public static void main(String[] args) throws IOException {
        EventDeserializer deserializer = new EventDeserializer();
        deserializer.setChecksumType(ChecksumType.CRC32);
        deserializer.setCompatibilityMode(EventDeserializer.CompatibilityMode.CHAR_AND_BINARY_AS_BYTE_ARRAY);
        StringBuilder b = new StringBuilder();
        try (BinaryLogFileReader log = new BinaryLogFileReader(new File(args[0]), deserializer);
                BufferedWriter out = Files.newBufferedWriter(Path.of(args[1]))) {
            for (Event e; (e = log.readEvent()) != null;) {
                EventData data = e.getData();
                if (data instanceof WriteRowsEventData) {
                    for (Serializable[] row : ((WriteRowsEventData) data).getRows()) {
                        line(out, b, "c", null, row);
                    }
                } else if (data instanceof DeleteRowsEventData) {
                    for (Serializable[] row : ((DeleteRowsEventData) data).getRows()) {
                        line(out, b, "d", row, null);
                    }
                } else if (data instanceof UpdateRowsEventData) {
                    for (Map.Entry<Serializable[], Serializable[]> row : ((UpdateRowsEventData) data).getRows()) {
                        line(out, b, "u", row.getKey(), row.getValue());
                    }
                }
            }
        }
    }
}
