import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/** Greets everyone by name, one line each. */
public class Greeter {
    public static void main(String[] args) throws Exception {
        // The environment has no locale, so that the charset has to be said.
        var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        var out = new PrintStream(System.out, true, StandardCharsets.UTF_8); // println flushes
        out.println("Who is there?");
        for (String name; (name = in.readLine()) != null && !name.equals("bye");) {
            out.println("Hello, " + name.strip() + " from " + System.getenv().getOrDefault("REMOTE_ADDR", "here") + "!");
        }
    }
}
