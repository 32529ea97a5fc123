import io.debezium.engine.ChangeEvent;
import io.debezium.engine.DebeziumEngine;
import io.debezium.engine.format.Json;
import java.io.FileReader;
import java.io.IOException;
import java.util.Properties;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

/**
 * Runs Debezium with the properties of a file, until its standard input ends.
 *
 * <p>Prints one line for each change event: its topic, a tab, and its value as JSON. Says on standard error why it ended, and then
 * ends with 1.
 */
public final class Consumer {
  private Consumer() {}

  /** Takes the path of the properties file. */
  public static void main(String[] arguments) throws Exception {
    Properties properties = new Properties();
    try (FileReader file = new FileReader(arguments[0])) {
      properties.load(file);
    }
    DebeziumEngine<ChangeEvent<String, String>> engine =
        DebeziumEngine.create(Json.class)
            .using(properties)
            .notifying(Consumer::print)
            .using(
                (success, message, error) -> {
                  if (!success) {
                    System.err.println(message);
                    if (error != null) {
                      error.printStackTrace();
                    }
                    Runtime.getRuntime().halt(1);
                  }
                })
            .build();
    ExecutorService runner = Executors.newSingleThreadExecutor();
    runner.execute(engine);
    waitForEndOfInput();
    engine.close();
    runner.shutdown();
    runner.awaitTermination(10, TimeUnit.SECONDS);
    System.exit(0);
  }

  private static void print(ChangeEvent<String, String> event) {
    if (event.value() != null) {
      System.out.println(event.destination() + "\t" + event.value());
      System.out.flush();
    }
  }

  private static void waitForEndOfInput() throws IOException {
    while (System.in.read() >= 0) {
      // What is written to it does not matter.
    }
  }
}
