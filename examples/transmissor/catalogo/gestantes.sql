SELECT z.co_seq_fat_cidadao_pec AS co_cidadao,
       z.no_cidadao,
       z.nu_cns,
       z.nu_cpf_cidadao,
       z.co_dim_tempo_nascimento AS nascimento,
       z.nu_telefone_celular,
       u.nu_cnes,
       e.nu_ine,
       g.dum,
       g.consultas,
       g.primeira_consulta,
       g.ultima_consulta,
       g.idade_gestacional_primeira
  FROM (
    SELECT a.co_fat_cidadao_pec AS cidadao,
           a.co_dim_tempo_dum AS dum,
           count(*) AS consultas,
           min(a.co_dim_tempo) AS primeira_consulta,
           max(a.co_dim_tempo) AS ultima_consulta,
           min(a.nu_idade_gestacional_semanas) AS idade_gestacional_primeira
      FROM tb_fat_atendimento_individual a
      JOIN tb_dim_cbo b ON b.co_seq_dim_cbo = a.co_dim_cbo_1
     WHERE a.co_dim_tempo_dum < 30000000
       AND a.co_dim_tempo < 30000000
       AND b.nu_cbo ~ '^(2251|2252|2253|2231|2235)'
     GROUP BY a.co_fat_cidadao_pec, a.co_dim_tempo_dum
  ) g
  JOIN tb_fat_cidadao_pec z ON z.co_seq_fat_cidadao_pec = g.cidadao
  JOIN tb_dim_sexo s ON s.co_seq_dim_sexo = z.co_dim_sexo AND s.sg_sexo = 'F'
  LEFT JOIN tb_dim_unidade_saude u ON u.co_seq_dim_unidade_saude = z.co_dim_unidade_saude_vinc
  LEFT JOIN tb_dim_equipe e ON e.co_seq_dim_equipe = z.co_dim_equipe_vinc
 WHERE coalesce(z.st_faleceu, 0) = 0
   AND coalesce(z.st_deletar, 0) = 0
