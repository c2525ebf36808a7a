import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.DefaultProfileValidationSupport;
import ca.uhn.fhir.parser.DataFormatException;
import ca.uhn.fhir.validation.FhirValidator;
import ca.uhn.fhir.validation.SingleValidationMessage;
import ca.uhn.fhir.validation.ValidationOptions;
import com.google.gson.Gson;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.hl7.fhir.common.hapi.validation.support.CommonCodeSystemsTerminologyService;
import org.hl7.fhir.common.hapi.validation.support.InMemoryTerminologyServerValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.PrePopulatedValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.SnapshotGeneratingValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.ValidationSupportChain;
import org.hl7.fhir.common.hapi.validation.validator.FhirDefaultPolicyAdvisor;
import org.hl7.fhir.common.hapi.validation.validator.FhirInstanceValidator;
import org.hl7.fhir.instance.model.api.IBaseResource;
import org.hl7.fhir.r5.elementmodel.Element;
import org.hl7.fhir.r5.elementmodel.Manager;
import org.hl7.fhir.r5.elementmodel.Manager.FhirFormat;
import org.hl7.fhir.r5.model.CanonicalResource;
import org.hl7.fhir.r5.model.CanonicalType;
import org.hl7.fhir.r5.utils.validation.IResourceValidator;
import org.hl7.fhir.r5.utils.validation.IValidationPolicyAdvisor.ReferenceDestinationType;
import org.hl7.fhir.r5.utils.validation.IValidatorResourceFetcher;
import org.hl7.fhir.r5.utils.validation.constants.BestPracticeWarningLevel;
import org.hl7.fhir.r5.utils.validation.constants.ReferenceValidationPolicy;

/**
 * Asks HL7's validator, offline, about the resources of a file.
 *
 * <p>Usage: Verdicts CASES ANSWERS DEFINITIONS… . CASES is NDJSON of {"id", "text", "profiles"}: the
 * JSON text of a resource and the profiles to validate it against beside those it claims. ANSWERS
 * becomes NDJSON of {"id", "issues"}. DEFINITIONS are folders of StructureDefinitions, ValueSets and
 * CodeSystems in JSON.
 */
public final class Verdicts {
  private static final Gson GSON = new Gson();

  private Verdicts() {}

  public static void main(String[] arguments) throws IOException {
    FhirValidator validator = buildValidator(List.of(arguments).subList(2, arguments.length));
    long began = System.nanoTime();
    int count = 0;
    try (BufferedReader cases = Files.newBufferedReader(Path.of(arguments[0]));
        PrintWriter answers =
            new PrintWriter(Files.newBufferedWriter(Path.of(arguments[1]), StandardCharsets.UTF_8))) {
      for (String line = cases.readLine(); line != null; line = cases.readLine()) {
        answers.println(GSON.toJson(answer(validator, GSON.fromJson(line, JsonObject.class))));
        count++;
      }
    }
    System.err.printf("%d resources in %.1f s%n", count, (System.nanoTime() - began) / 1e9);
  }

  private static FhirValidator buildValidator(List<String> folders) throws IOException {
    FhirContext context = FhirContext.forR4();
    ValidationSupportChain chain =
        new ValidationSupportChain(
            new DefaultProfileValidationSupport(context),
            new CommonCodeSystemsTerminologyService(context),
            readDefinitions(context, folders),
            new InMemoryTerminologyServerValidationSupport(context),
            new SnapshotGeneratingValidationSupport(context));
    FhirInstanceValidator module = new FhirInstanceValidator(chain);
    module.setBestPracticeWarningLevel(BestPracticeWarningLevel.Ignore);
    // A profile that nobody has is a warning, as it is for us.
    module.setErrorForUnknownProfiles(false);
    module.setValidatorPolicyAdvisor(new ReferencesByType());
    module.setValidatorResourceFetcher(new Offline());
    FhirValidator validator = context.newValidator();
    validator.registerValidatorModule(module);
    return validator;
  }

  /** Checks the type that a reference names, without fetching what it points to. */
  private static final class ReferencesByType extends FhirDefaultPolicyAdvisor {
    @Override
    public ReferenceValidationPolicy policyForReference(
        IResourceValidator validator,
        Object context,
        String path,
        String url,
        ReferenceDestinationType destination) {
      return ReferenceValidationPolicy.CHECK_TYPE_IF_EXISTS;
    }

    @Override
    public ReferenceValidationPolicy getReferencePolicy() {
      return ReferenceValidationPolicy.CHECK_TYPE_IF_EXISTS;
    }
  }

  /** Believes that every reference leads to a resource of the type that its URL names. */
  private static final class Offline implements IValidatorResourceFetcher {
    private static final Pattern RESTFUL =
        Pattern.compile("(?:.*/)?([A-Z][A-Za-z]+)/([A-Za-z0-9.-]{1,64})(?:/_history/[A-Za-z0-9.-]+)?");

    @Override
    public Element fetch(IResourceValidator validator, Object context, String url) throws IOException {
      Matcher found = RESTFUL.matcher(url);
      if (!found.matches() || !validator.getContext().getResourceNamesAsSet().contains(found.group(1))) {
        return null;
      }
      String text =
          String.format("{\"resourceType\":\"%s\",\"id\":\"%s\"}", found.group(1), found.group(2));
      return Manager.parseSingle(
          validator.getContext(),
          new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8)),
          FhirFormat.JSON);
    }

    @Override
    public boolean resolveURL(
        IResourceValidator validator,
        Object context,
        String path,
        String url,
        String type,
        boolean canonical,
        List<CanonicalType> targets) {
      return true;
    }

    @Override
    public byte[] fetchRaw(IResourceValidator validator, String url) throws IOException {
      throw new IOException("offline");
    }

    @Override
    public IValidatorResourceFetcher setLocale(Locale locale) {
      return this;
    }

    @Override
    public CanonicalResource fetchCanonicalResource(
        IResourceValidator validator, Object context, String url) {
      return null;
    }

    @Override
    public boolean fetchesCanonicalResource(IResourceValidator validator, String url) {
      return false;
    }

    @Override
    public Set<IValidatorResourceFetcher.ResourceVersionInformation> fetchCanonicalResourceVersions(
        IResourceValidator validator, Object context, String url) {
      return Set.of();
    }
  }

  private static PrePopulatedValidationSupport readDefinitions(FhirContext context, List<String> folders)
      throws IOException {
    PrePopulatedValidationSupport definitions = new PrePopulatedValidationSupport(context);
    for (String folder : folders) {
      List<Path> files = new ArrayList<>();
      try (Stream<Path> found = Files.list(Path.of(folder))) {
        found.filter(path -> path.toString().endsWith(".json")).sorted().forEach(files::add);
      }
      for (Path file : files) {
        IBaseResource resource = context.newJsonParser().parseResource(Files.readString(file));
        switch (resource.fhirType()) {
          case "StructureDefinition" -> definitions.addStructureDefinition(resource);
          case "ValueSet" -> definitions.addValueSet(resource);
          case "CodeSystem" -> definitions.addCodeSystem(resource);
          default -> { }
        }
      }
    }
    return definitions;
  }

  private static JsonObject answer(FhirValidator validator, JsonObject asked) {
    JsonObject answer = new JsonObject();
    answer.add("id", asked.get("id"));
    ValidationOptions options = new ValidationOptions();
    if (asked.has("profiles")) {
      for (JsonElement profile : asked.getAsJsonArray("profiles")) {
        options.addProfile(profile.getAsString());
      }
    }
    JsonArray issues = new JsonArray();
    try {
      validator
          .validateWithResult(asked.get("text").getAsString(), options)
          .getMessages()
          .forEach(message -> issues.add(issue(message)));
    } catch (DataFormatException exception) {
      issues.add(failure("structure", exception));
    } catch (RuntimeException exception) {
      issues.add(failure("exception", exception));
    }
    answer.add("issues", issues);
    return answer;
  }

  private static JsonObject issue(SingleValidationMessage message) {
    JsonObject issue = new JsonObject();
    issue.addProperty("severity", message.getSeverity().getCode());
    issue.addProperty("id", message.getMessageId());
    issue.addProperty("expression", message.getLocationString());
    issue.addProperty("line", message.getLocationLine());
    issue.addProperty("column", message.getLocationCol());
    issue.addProperty("text", message.getMessage());
    return issue;
  }

  private static JsonObject failure(String kind, RuntimeException exception) {
    JsonObject issue = new JsonObject();
    issue.addProperty("severity", "fatal");
    issue.addProperty("id", kind);
    issue.addProperty("text", String.valueOf(exception.getMessage()));
    return issue;
  }
}
