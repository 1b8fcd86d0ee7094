import ts from 'typescript';

/** A module with a counter in each of its branches. */
export interface Instrumented {
  readonly code: string;
  /** How many counters it has. */
  readonly edges: number;
  /** Strings and numbers that it compares with: words of the language that it parses. */
  readonly literals: readonly string[];
}

/**
 * JavaScript of a TypeScript module that counts in `__edges`, from `firstEdge` on, which of its branches are taken, and
 * tells `__compare` what is compared for equality.
 */
export function instrument(fileName: string, source: string, firstEdge: number): Instrumented {
  const literals = new Set<string>();
  let next = firstEdge;
  const { factory } = ts;
  const count = (): ts.Expression =>
    factory.createPostfixIncrement(
      factory.createElementAccessExpression(factory.createIdentifier('__edges'), next++),
    );
  const block = (statement: ts.Statement): ts.Block =>
    factory.createBlock([factory.createExpressionStatement(count()), statement], true);
  const counted = (expression: ts.Expression): ts.Expression =>
    factory.createParenthesizedExpression(factory.createComma(count(), expression));

  const branches = (node: ts.Node): ts.Node => {
    if (ts.isIfStatement(node))
      return factory.updateIfStatement(
        node,
        node.expression,
        block(node.thenStatement),
        block(node.elseStatement ?? factory.createEmptyStatement()),
      );
    if (ts.isForStatement(node))
      return factory.updateForStatement(
        node,
        node.initializer,
        node.condition,
        node.incrementor,
        block(node.statement),
      );
    if (ts.isForOfStatement(node))
      return factory.updateForOfStatement(
        node,
        node.awaitModifier,
        node.initializer,
        node.expression,
        block(node.statement),
      );
    if (ts.isWhileStatement(node))
      return factory.updateWhileStatement(node, node.expression, block(node.statement));
    if (ts.isConditionalExpression(node))
      return factory.updateConditionalExpression(
        node,
        node.condition,
        node.questionToken,
        counted(node.whenTrue),
        node.colonToken,
        counted(node.whenFalse),
      );
    if (ts.isArrowFunction(node) && !ts.isBlock(node.body))
      return factory.updateArrowFunction(
        node,
        node.modifiers,
        node.typeParameters,
        node.parameters,
        node.type,
        node.equalsGreaterThanToken,
        counted(node.body),
      );
    if (ts.isBlock(node))
      return factory.updateBlock(node, [factory.createExpressionStatement(count()), ...node.statements]);
    return ts.isBinaryExpression(node) ? binary(node) : node;
  };

  const binary = (node: ts.BinaryExpression): ts.Node => {
    const kind = node.operatorToken.kind;
    if (
      kind === ts.SyntaxKind.AmpersandAmpersandToken ||
      kind === ts.SyntaxKind.BarBarToken ||
      kind === ts.SyntaxKind.QuestionQuestionToken
    )
      return factory.updateBinaryExpression(node, node.left, node.operatorToken, counted(node.right));
    const isEqual = kind === ts.SyntaxKind.EqualsEqualsEqualsToken;
    if (!isEqual && kind !== ts.SyntaxKind.ExclamationEqualsEqualsToken) return node;
    const call = factory.createCallExpression(factory.createIdentifier('__compare'), undefined, [
      node.left,
      node.right,
    ]);
    return isEqual ? call : factory.createLogicalNot(call);
  };

  const transformer: ts.TransformerFactory<ts.SourceFile> = (context) => (file) => {
    const visit = (node: ts.Node): ts.Node => {
      if (ts.isTypeNode(node) || ts.isImportDeclaration(node)) return node;
      if (ts.isStringLiteral(node) || ts.isNumericLiteral(node)) literals.add(node.text);
      return branches(ts.visitEachChild(node, visit, context));
    };
    return ts.visitEachChild(file, visit, context);
  };

  const { outputText } = ts.transpileModule(source, {
    fileName,
    compilerOptions: {
      target: ts.ScriptTarget.ESNext,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
    },
    transformers: { before: [transformer] },
  });
  return { code: outputText, edges: next - firstEdge, literals: [...literals] };
}
